"""A connector's gate that trusts real authorization servers."""

from __future__ import annotations

import json
from typing import Any

from structlog.testing import capture_logs

from connector.settings import load
from tests.api.test_auth import Site
from tests.identity.servers import AUDIENCE

ASKED = {"token_format": "opaque", "client_id": "connector", "client_secret": "env:AS_SECRET"}


def gate(*issuers: tuple[str, dict[str, Any]]) -> Site:
    """Return a gate that trusts issuers, each with its settings."""
    tables = [{"issuer": issuer, "audience": AUDIENCE} | settings for issuer, settings in issuers]
    return Site(*load(None, {"CONNECTOR_ISSUERS": json.dumps(tables)}).issuers)


def refusal(site: Site, token: str, status: int = 401, **headers: str) -> str:
    """Return the check for which a token is refused."""
    with capture_logs() as logs:
        assert site.get(token, **headers).status_code == status
    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    return str(line["check"])
