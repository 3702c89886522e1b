"""`make deploy-check`: each file of `deploy/` is read by the program that it is for, or by one that knows its rules.

    Containerfile ► hadolint     compose.yaml ► dclint     chart ► helm, Kubernetes' schemas
    nginx.conf ► nginx           systemd ► systemd-analyze alerts and their tests ► promtool
    haproxy.cfg, envoy.yaml, traefik.yaml ► HAProxy, Envoy and Traefik, which also run with them

With CI set, a missing tool is a failure; otherwise its check is skipped, which is printed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.deployment import chart, proxies
from tests.deployment.tools import (
    DCLINT,
    DEPLOY,
    HADOLINT,
    NGINX,
    NODE,
    OPENSSL,
    PROMTOOL,
    SYSTEMD_ANALYZE,
    FaultError,
    MissingToolError,
)

EXPOSURE = "20"  # of 100: what `systemd-analyze security` may find, in tenths of its own figure
INSTALLED_AT = "/opt/onfido-idvp-connector/bin/connector"


def main() -> int:
    """Run every check; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="deploy-check-") as directory:
        results = [_report(name, check) for name, check in _checks(Path(directory)).items()]
    print(f"{results.count(True)} passed, {results.count(False)} failed, {results.count(None)} skipped")
    return 1 if False in results else 0


def _checks(directory: Path) -> Mapping[str, Callable[[], object]]:
    return {
        "Containerfile": partial(HADOLINT.run, "--failure-threshold", "style", DEPLOY / "Containerfile"),
        "compose.yaml": _check_compose,
        "chart: helm lint": chart.lint,
        "chart: values that are refused": chart.refuse_what_the_schema_forbids,
        "chart: Kubernetes' schemas": partial(chart.validate, directory),
        "chart: pods": chart.check_pods,
        "chart: network": chart.check_network,
        "chart: migration": chart.check_migration,
        "proxy: nginx": partial(_check_nginx, directory),
        "proxy: HAProxy": lambda: proxies.check_haproxy(directory, _certificate(directory)),
        "proxy: Envoy": lambda: proxies.check_envoy(directory, _certificate(directory)),
        "proxy: Traefik": lambda: proxies.check_traefik(directory),
        "systemd: units": partial(_check_units, directory),
        "systemd: exposure": _check_exposure,
        "alerts": partial(PROMTOOL.run, "check", "rules", DEPLOY / "chart" / "monitoring" / "alerts.yaml"),
        "alerts: their tests": partial(PROMTOOL.run, "test", "rules", Path(__file__).parent / "alerts_test.yaml"),
    }


def _report(name: str, check: Callable[[], object]) -> bool | None:
    try:
        check()
    except MissingToolError as error:
        print(f"not checked  {name}: {error}")
        return False if os.environ.get("CI") else None
    except FaultError as error:
        print(f"FAILED       {name}: {error}")
        return False
    print(f"ok           {name}")
    return True


def _check_compose() -> None:
    DCLINT.run("--config", NODE / "dclintrc.json", "--max-warnings", "0", DEPLOY / "compose.yaml")


def _check_nginx(directory: Path) -> None:
    """Check the file with nginx, with a test certificate and with host names that resolve on this machine."""
    text = (DEPLOY / "proxy" / "nginx.conf").read_text()
    text = text.replace("/tmp/", f"{directory}/").replace("/etc/nginx/tls", str(_certificate(directory)))
    text = re.sub(r"web-\d:8080", "127.0.0.1:8080", text)
    (directory / "nginx.conf").write_text(text)
    NGINX.run("-t", "-q", "-p", directory, "-c", directory / "nginx.conf")


def _certificate(directory: Path) -> Path:
    """Return a directory with a key and a certificate for it."""
    tls = directory / "tls"
    tls.mkdir(exist_ok=True)
    files = ("-keyout", tls / "tls.key", "-out", tls / "tls.crt")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    OPENSSL.run("req", "-x509", *curve, "-nodes", "-days", "2", "-subj", "/CN=idv.example.com", *files)
    return tls


def _check_units(directory: Path) -> None:
    """Check the units with systemd, with an existing program in place of the installed one."""
    units = directory / "units"
    units.mkdir()
    for unit in _units():
        (units / unit.name).write_text(unit.read_text().replace(INSTALLED_AT, sys.executable))
    printed = SYSTEMD_ANALYZE.run("verify", *units.iterdir())
    if complaints := [line for line in printed.splitlines() if "onfido-idvp-connector" in line]:
        raise FaultError("\n".join(complaints))


def _check_exposure() -> None:
    for unit in _units():
        SYSTEMD_ANALYZE.run("security", "--offline=true", f"--threshold={EXPOSURE}", unit)


def _units() -> list[Path]:
    return sorted((DEPLOY / "systemd").glob("*.service"))


if __name__ == "__main__":
    sys.exit(main())
