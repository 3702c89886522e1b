"""The connector as an OpenID provider: identity providers send people here to be verified with Onfido.

POST /oauth2/par ──► request_uri ──► GET /oauth2/authorize (the browser) ──► /oauth2/flows/… (pages.py)
    ──► back to the client with a code ──► POST /oauth2/token ──► an ID token with `verified_claims`

discovery.py   /.well-known/openid-configuration
endpoints.py   /oauth2/par, /oauth2/token, /oauth2/userinfo: called by servers
pages.py       /oauth2/authorize, /oauth2/flows/…: visited by browsers
server.py      Authlib's authorization server, with our clients and flows
parties.py     clients in the form that Authlib requires, and their authentication
redirects.py   the address to which a user is sent back
parameters.py  reading requests: a form, or JSON
words.py       names of claims for users
"""

from __future__ import annotations

from flask import Flask

from connector.oidc import discovery, endpoints, pages
from connector.oidc.server import OpenIdServer


def install(app: Flask) -> None:
    """Install the OpenID provider in an application with the console's page layout."""
    app.extensions["openid_server"] = OpenIdServer()
    for blueprint in (discovery.blueprint, endpoints.blueprint, pages.blueprint):
        app.register_blueprint(blueprint)
