"""The Helm chart: linted, rendered with few and with all of its values, and checked against Kubernetes' own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.deployment.tools import DEPLOY, KUBERNETES_VALIDATE, FaultError

CHART = DEPLOY / "chart"
KUBERNETES = ("1.30", "1.34", "1.37")  # the oldest that the chart accepts, and later ones
OF_THE_OPERATOR = ("ServiceMonitor", "PrometheusRule")  # Kubernetes has no schema of these

SETTINGS = '[[issuers]]\nissuer = "https://is.example.com/oauth2/token"\naudience = "connector"\n'
EVERYTHING: Mapping[str, Any] = {
    "settings": SETTINGS,
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "moreSecretsName": "more",
    "certificatesName": "certificates",
    "extraEnv": [{"name": "AS_SECRET", "valueFrom": {"secretKeyRef": {"name": "more", "key": "as"}}}],
    "ingress": {"enabled": True, "tlsSecretName": "tls"},
    "monitoring": {"serviceMonitor": True, "rules": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
    "networkPolicy": {"extraEgress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]},
    "podAnnotations": {"example.com/a": "b"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
LITTLE: Mapping[str, Any] = {
    "web": {"autoscaling": {"enabled": False}, "replicas": 0},  # while a backup is restored nothing may run
    "worker": {"replicas": 0},
    "ingress": {"enabled": True, "className": "", "annotations": {}},
    "migration": {"enabled": False},
    "networkPolicy": {"enabled": False},
}
REFUSED: tuple[Mapping[str, Any], ...] = (
    {"publicUrl": "http://idv.example.com"},
    {"secretName": ""},
    {"replicas": 3},
    {"web": {"replicas": "x"}},
    {"worker": {"replicas": -1}},
    {"image": {"digest": "latest"}},
)


def lint() -> None:
    """Lint the chart, strictly."""
    report = helm_python.lint(CHART, strict=True)
    findings = [each for each in report["messages"] if each["severity"] > 1]
    if findings or report["errors"]:
        raise FaultError(f"helm lint: {findings} {report['errors']}")


def refuse_what_the_schema_forbids() -> None:
    """Show that the values' schema refuses invalid combinations."""
    with helm_python.Chart.load(CHART) as chart:
        for values in REFUSED:
            try:
                chart.render(dict(values), name="idv")
            except helm_python.HelmError:
                continue
            raise FaultError(f"the chart accepts {json.dumps(values)}")


def validate(directory: Path) -> None:
    """Check the rendered objects against the schemas of several versions of Kubernetes."""
    for name, values in (("defaults", {}), ("everything", EVERYTHING), ("little", LITTLE)):
        objects = [each for each in render(values) if each["kind"] not in OF_THE_OPERATOR]
        path = directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump_all(objects))
        for version in KUBERNETES:
            KUBERNETES_VALIDATE.run("--strict", "--quiet", "-k", version, path)


def check_pods() -> None:
    """Check the requirements of every pod: no root, a read-only file system, and its labels."""
    objects = list(render(EVERYTHING))
    pods = [each["spec"]["template"] for each in objects if each["kind"] in {"Deployment", "Job"}]
    if len(pods) != 3:
        raise FaultError(f"three parts have pods, not {len(pods)}")
    for pod in pods:
        spec = pod["spec"]
        [container] = spec["containers"]
        safe = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        mounts = {each["name"] for each in container["volumeMounts"]}
        if container["securityContext"] != safe or not spec["securityContext"]["runAsNonRoot"]:
            raise FaultError(f"a pod may too much: {spec}")
        if mounts != {each["name"] for each in spec["volumes"]} or spec["automountServiceAccountToken"]:
            raise FaultError(f"a pod has volumes that it does not mount: {spec}")
    for each in objects:
        if each["kind"] == "Service" and not any(_has(pod, each["spec"]["selector"]) for pod in pods):
            raise FaultError(f"{each['metadata']['name']} leads to no pod")


def check_network() -> None:
    """Check that an empty list of the NetworkPolicy admits nothing: in a rule it would mean everything."""
    closed = {"callers": [], "scrapers": [], "database": {"to": []}, "https": {"to": []}}
    for name, values, rules in (("closed", closed, (0, 1)), ("defaults", {}, (2, 3))):
        [policy] = [each for each in render({"networkPolicy": values}) if each["kind"] == "NetworkPolicy"]
        found = tuple(len(policy["spec"][way] or ()) for way in ("ingress", "egress"))
        if found != rules or policy["spec"]["policyTypes"] != ["Ingress", "Egress"]:
            raise FaultError(f"the NetworkPolicy ({name}) has {found} rules, not {rules}")


def check_migration() -> None:
    """Check that the migration job gets everything that a database URL may name: certificates, keys and variables."""
    job, *deployments = sorted(
        (each for each in render(EVERYTHING) if each["kind"] in {"Job", "Deployment"}),
        key=lambda each: each["kind"] != "Job",
    )
    [migration, *others] = [each["spec"]["template"]["spec"]["containers"][0] for each in (job, *deployments)]
    given = {"/run/secrets/connector", "/run/secrets/more", "/run/certificates"}
    for container in (migration, *others):
        missing = given - {each["mountPath"] for each in container["volumeMounts"]}
        if missing or "AS_SECRET" not in {each["name"] for each in container["env"]}:
            raise FaultError(f"{container['name']} lacks a variable, or {missing}")


def render(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the objects that the chart renders from some values."""
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(dict(values), name="idv", namespace="idv", is_install=True)
    for name, content in files.items():
        if name.endswith(".yaml"):
            yield from filter(None, yaml.safe_load_all(content))


def _has(pod: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    return bool(selector.items() <= pod["metadata"]["labels"].items())
