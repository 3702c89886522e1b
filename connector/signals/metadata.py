"""`/.well-known/ssf-configuration`: the capabilities of a tenant's transmitter.

The framework appends the issuer's path to that of the metadata, OpenID puts it first: both are supported.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Response, abort, current_app, g, jsonify

from connector.domain.signals import METHODS, SPEC_VERSION
from connector.domain.tenancy import DEFAULT_TENANT
from connector.services.signing import PUBLIC_FOR
from connector.signals.views import SignalBlueprint, issuer

blueprint = SignalBlueprint("signal_metadata", __name__)

WELL_KNOWN = "/.well-known/ssf-configuration"
TENANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # as in a path's prefix
OAUTH = "urn:ietf:rfc:6749"


@blueprint.get(WELL_KNOWN)
def get_configuration() -> Response:
    """Return the metadata of the request's tenant."""
    response = jsonify(configuration())
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_FOR}"
    return response


@blueprint.get(f"{WELL_KNOWN}/t/<tenant>")
def get_configuration_of(tenant: str) -> Response:
    """Return the metadata of a tenant whose path comes last."""
    if g.tenant.name != DEFAULT_TENANT or not TENANT_NAME.fullmatch(tenant):
        abort(404)
    g.tenant = current_app.extensions["services"].tenants.named(tenant)
    return get_configuration()


def configuration() -> dict[str, Any]:
    """Return the transmitter's metadata."""
    base = issuer()
    return {
        "spec_version": SPEC_VERSION,
        "issuer": base,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "delivery_methods_supported": list(METHODS),
        "configuration_endpoint": f"{base}/ssf/streams",
        "status_endpoint": f"{base}/ssf/status",
        "add_subject_endpoint": f"{base}/ssf/subjects/add",
        "remove_subject_endpoint": f"{base}/ssf/subjects/remove",
        "verification_endpoint": f"{base}/ssf/verification",
        "authorization_schemes": [{"spec_urn": OAUTH}],
        "default_subjects": g.tenant.signals.default_subjects,
    }
