"""The form of a client, and its conversion to the domain's client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from connector.console.deliveries.endpoints import SelectMultipleCheckboxes
from connector.console.forms import Form
from connector.domain.messages import message
from connector.domain.openid.clients import IDA, KEY_METHOD, MAX_NAME, OKTA, ClientConfig
from connector.domain.openid.keys import are_private, read_keys
from connector.errors import InvalidField

SECRET = "secret"  # noqa: S105  the way to authenticate, not one
MAX_KEYS_TEXT = 32_000
FIELDS = {
    "redirectUris": "redirect_uris",
    "idVProviderId": "provider",
    "claims": "claims",
    "keys": "keys",
}


class ClientForm(Form):
    """A client of the OpenID provider."""

    name = StringField(
        _l("Name"),
        [InputRequired(_l("must not be empty")), Length(max=MAX_NAME)],
        description=_l("Users see it before they consent."),
    )
    profile = RadioField(
        _l("Format of the results"),
        choices=[
            SelectChoice(OKTA, _l("Okta: VERIFIED or FAILED, each claim with its value or null")),
            SelectChoice(IDA, _l("OpenID Identity Assurance: the verified claims with their evidence")),
        ],
        default=IDA,
        description=_l("Choose Okta for Okta’s identity verification vendors, the other for everything else."),
    )
    provider = SelectField(_l("Provider"), description=_l("Verifies the people whom this client sends."))
    redirect_uris = TextAreaField(
        _l("Redirect URIs"),
        [InputRequired(_l("must not be empty"))],
        description=_l("One on each line. Users are sent back only to these addresses, which must match exactly."),
        render_kw={"rows": 3, "spellcheck": "false", "autocapitalize": "off"},
    )
    claims = SelectMultipleCheckboxes(
        _l("Claims that it may ask for"),
        description=_l("Choose none to allow all that the provider verifies."),
    )
    method = RadioField(
        _l("How it authenticates"),
        choices=[
            SelectChoice(SECRET, _l("By a secret, which is created here and shown once")),
            SelectChoice(KEY_METHOD, _l("By signed assertions (private_key_jwt), with its public keys")),
        ],
        default=SECRET,
    )
    keys = TextAreaField(
        _l("Public keys"),
        [Length(max=MAX_KEYS_TEXT)],
        description=_l("A JWK Set, for signed assertions only: RSA of 2048 bits or more, or P-256."),
        render_kw={"rows": 4, "spellcheck": "false", "autocapitalize": "off"},
    )
    allows_sandbox = BooleanField(
        _l("Allow results of Onfido’s sandbox"),
        description=_l("The sandbox does not really check documents. Allow it for test organizations only."),
    )

    def offer(self, providers: Iterable[tuple[str, str]], claims: Sequence[str]) -> None:
        """Set the choices."""
        self.provider.choices = [SelectChoice(*each) for each in providers]
        self.claims.choices = [SelectChoice(each, each) for each in claims]

    def config(self, *, is_enabled: bool) -> ClientConfig:
        """Return the client in the form; raises `InvalidField` for invalid keys."""
        lines = str(self.redirect_uris.data or "").splitlines()
        return ClientConfig(
            name=str(self.name.data).strip(),
            profile=self.profile.data,
            provider_id=self.provider.data or "",
            redirect_uris=tuple(filter(None, map(str.strip, lines))),
            claims=tuple(self.claims.data or ()),
            keys=self._keys(),
            is_enabled=is_enabled,
            allows_sandbox=bool(self.allows_sandbox.data),
        )

    def _keys(self) -> tuple[dict[str, Any], ...]:
        if self.method.data != KEY_METHOD:
            return ()
        keys = read_keys(self.keys.data or "")
        if are_private(keys):
            self.keys.data = ""  # the page that says so must not hold them
        if not keys:
            raise InvalidField("keys", message("must hold a key: assertions are checked by it"))
        return keys


def data_of(config: ClientConfig) -> dict[str, Any]:
    """Return the form's values for a client; its keys are public."""
    return {
        "name": config.name,
        "profile": config.profile,
        "provider": config.provider_id,
        "redirect_uris": "\n".join(config.redirect_uris),
        "claims": list(config.claims),
        "method": KEY_METHOD if config.keys else SECRET,
        "keys": json.dumps({"keys": [dict(each) for each in config.keys]}, indent=2) if config.keys else "",
        "allows_sandbox": config.allows_sandbox,
    }
