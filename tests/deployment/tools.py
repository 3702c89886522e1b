"""Running the tools that check the files in `deploy/`, each where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NODE = Path(__file__).parent / "node"
PLACES = (Path(sys.executable).parent, NODE / "node_modules" / ".bin", Path("/usr/sbin"))


class MissingToolError(Exception):
    """A tool is not installed."""


class FaultError(Exception):
    """A file does not pass; with the tool's output."""


@dataclass(frozen=True)
class Tool:
    """A program, and how it is installed."""

    name: str
    package: str

    def run(self, *arguments: str | Path) -> str:
        """Run the tool; return its output, or raise `FaultError`."""
        done = subprocess.run(
            [self.path(), *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise FaultError(f"{self.name} {' '.join(map(str, arguments))}\n{done.stdout}")
        return done.stdout

    def path(self) -> str:
        """Return the tool's path; raise `MissingToolError` if it is not installed."""
        places = os.pathsep.join([*map(str, PLACES), os.environ.get("PATH", "")])
        if found := shutil.which(self.name, path=places):
            return found
        raise MissingToolError(f"{self.name} is not installed: {self.package}")


ENVOY = Tool("envoy", "make deploy-check installs it")
HADOLINT = Tool("hadolint", "make deploy-check installs it")
KUBERNETES_VALIDATE = Tool("kubernetes-validate", "make deploy-check installs it")
DCLINT = Tool("dclint", "npm --prefix tests/deployment/node ci")
NGINX = Tool("nginx", "Debian's package nginx-light")
HAPROXY = Tool("haproxy", "Debian's package haproxy")
TRAEFIK = Tool("traefik", "make deploy-check installs it")
PROMTOOL = Tool("promtool", "Debian's package prometheus")
SYSTEMD_ANALYZE = Tool("systemd-analyze", "Debian's package systemd")
OPENSSL = Tool("openssl", "Debian's package openssl")
