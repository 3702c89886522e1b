"""Canaille on loopback: `python serve.py PORT`, in its own environment, with its private key on standard input.

It has the user ann and two clients: `shop`, at which she signs in, and `connector`, which asks about its tokens and
reads users by SCIM.
"""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import make_server

SCOPES = ["openid", "profile", "internal_login", "internal_idvp_view"]


def serve(port: int, key: dict[str, Any]) -> None:
    config = {
        "SECRET_KEY": "of the tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory"},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key], "TRUSTED_DOMAINS": ["shop.example.com"]},
        "CANAILLE_SCIM": {"ENABLE_SERVER": True},
    }
    app = create_app(config)
    with app.app_context():
        populate()
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


def populate() -> None:
    for name in ("zoe", "ann", "bob"):  # its SCIM ignores filters, and answers with all of them
        user = models.User(user_name=name, given_name=name.title(), family_name="Example", formatted_name=name)
        user.emails, user.password = [f"{name}@example.com"], f"{name}-password"
        Backend.instance.save(user)
    connector = add_client("connector", "client_credentials")
    shop = add_client("shop", "authorization_code", "refresh_token")
    shop.audience = [shop, connector]
    Backend.instance.save(shop)


def add_client(name: str, *grants: str) -> Any:
    client = models.Client(
        client_id=name,
        client_secret=f"{name}-secret",
        client_name=name,
        client_uri="https://shop.example.com",
        client_id_issued_at=datetime.datetime.now(datetime.UTC),
        grant_types=list(grants),
        response_types=["code"],
        redirect_uris=["https://shop.example.com/callback"],
        scope=SCOPES,
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)
    return client


if __name__ == "__main__":
    serve(int(sys.argv[1]), json.loads(sys.stdin.read())["keys"][0])
