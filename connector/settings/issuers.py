"""The settings of an issuer of access tokens; `[[issuers]]` and the tenants' tables have the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from itertools import combinations
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.tenancy import DEFAULT_TENANT
from connector.errors import ConfigurationError
from connector.settings import checks
from connector.settings.fields import Checked, Table, describe, setting
from connector.settings.profiles import MARKED, NO_TYPE, PROFILES
from connector.settings.secret import secret_reference

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
JWT, OPAQUE = "jwt", "opaque"
BASIC, POST = "client_secret_basic", "client_secret_post"
ADMINISTRATOR_SCOPES = (
    *(f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")),
    *(f"internal_idv_claim_{name}" for name in ("verify", "view", "add", "update", "delete")),
)
OPERATE = "internal_idv_operate"  # for the operator, in the operator's tenant only
CONSOLE_SCOPES = ("openid", "profile", *ADMINISTRATOR_SCOPES)


def _our_scopes(table: Table) -> Table:
    """Check for valid names of the connector's scopes."""
    if not all(name.startswith("internal_") for _, names in table for name in names):
        raise ValueError("must map to scopes of the connector, whose names begin with internal_")
    return table


@frozen
class Issuer(Checked):
    """An authorization server whose access tokens are accepted."""

    issuer: str = field(
        metadata=describe(
            "The issuer's identifier, exactly as its tokens have it in `iss`.",
            checks.secure_url,
            example="https://idp.example.com/oauth2/token",
        )
    )
    audience: str | tuple[str, ...] = field(
        metadata=describe(
            "The value that its tokens must have in `aud`, or a list of which they must have at least one.",
            checks.some_texts,
            example="connector",
        )
    )
    profile: str = setting(
        "",
        "The product, whose usual settings become the defaults of the settings below: "
        f"{', '.join(PROFILES)}; empty: a server that issues tokens according to RFC 9068.",
        checks.one_of_or_empty(*PROFILES),
    )
    jwks_uri: str = setting("", "The URL of its keys; empty: found by discovery.", checks.https_or_empty)
    ca_file: str = setting(
        "",
        "A file with the certificates (PEM) that are trusted for its keys and its introspection, instead of the "
        "public authorities; may contain its own certificate if that is self-signed.",
    )
    tenant: str = setting(DEFAULT_TENANT, "The only tenant that its tokens are valid for.", checks.not_empty)
    tenant_claim: str = setting("", "The claim that names a token's tenant, instead of `tenant`.")
    shares_users: bool = setting(
        False,
        "Whether another issuer may name the same tenant: then `sub` has to mean the same user at both, "
        "and both have to set this.",
    )
    algorithms: tuple[str, ...] = setting(ALGORITHMS, "The signature algorithms it may use.", checks.asymmetric)
    token_types: tuple[str, ...] = setting(
        MARKED,
        'The values that its tokens may have in `typ`; add "JWT", or for tokens without `typ` '
        f'"{NO_TYPE}", only for an issuer that cannot mark access tokens.',
        checks.media_types,
    )
    access_token_claims: tuple[str, ...] = setting(
        (),
        "Claims that only its access tokens have: each has at least one, its ID tokens none; empty: not checked.",
        checks.not_blank,
    )
    audience_claim: str = setting(
        "aud",
        "The claim that is compared with `audience`, such as `client_id` if there is no `aud`.",
        checks.not_empty,
    )
    subject_claim: str = setting(
        "sub",
        "The claim that is used as the user's id. It must never change and never be reassigned. In a client's "
        "own token (client credentials), `sub` may be the client's id instead.",
        checks.not_empty,
    )
    scope_claim: str | tuple[str, ...] = setting(
        "scope",
        "The claim with the scopes, or several: a space-separated text, a list, or an object whose keys are the "
        "scopes. A dotted path names a member of an object, such as `realm_access.roles`.",
        checks.some_texts,
    )
    scope_map: Table = setting(
        Table(),
        "Maps its scopes or roles to those of the connector, such as "
        '{ "idv-user" = ["internal_login"] }; a name that is not listed is used unchanged.',
        _our_scopes,
    )
    token_format: str = setting(
        JWT,
        "The format of its tokens: jwt (the signature is checked) or opaque (each token is introspected, RFC 7662, "
        "with `client_id` and `client_secret`).",
        checks.one_of(JWT, OPAQUE),
    )
    introspection_endpoint: str = setting(
        "", "The introspection endpoint for opaque tokens; empty: found by discovery.", checks.https_or_empty
    )
    client_id: str = setting("", "The client with which the connector introspects opaque tokens.")
    client_secret: str = setting(
        "",
        "That client's secret: env:NAME (an environment variable) or file:/path.",
        secret_reference,
        is_secret=True,
    )
    client_auth: str = setting(BASIC, f"How that client authenticates: {BASIC} or {POST}.", checks.one_of(BASIC, POST))

    console_client_id: str = setting(
        "",
        "The client with which the console signs administrators in here, by OpenID Connect; empty: no sign-in. Its "
        "redirect URI is `public_url`, then /t/{tenant} for other tenants than the default one, then "
        "/console/callback; its back-channel logout URI the same with /console/backchannel.",
    )
    console_client_secret: str = setting(
        "",
        "That client's secret: env:NAME or file:/path; empty: a client without a secret.",
        secret_reference,
        is_secret=True,
    )
    console_scopes: tuple[str, ...] = setting(
        CONSOLE_SCOPES,
        "The scopes that the console requests, by the issuer's names; those that are granted determine "
        "what a person sees and may do.",
        checks.scope_names,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.console_client_secret and not self.console_client_id:
            raise ConfigurationError("console_client_id must be set if console_client_secret is set.")
        missing = [name for name in ("client_id", "client_secret") if not getattr(self, name)]
        if self.token_format == OPAQUE and missing:
            raise ConfigurationError(f"{' and '.join(missing)} must be set if token_format is {OPAQUE}.")

    @classmethod
    def defaults(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the defaults of its profile."""
        profile = table.get("profile")
        return PROFILES.get(profile.lower(), {}) if isinstance(profile, str) else {}

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences of which a token must have at least one."""
        return _texts(self.audience)

    @property
    def scope_claims(self) -> tuple[str, ...]:
        """The paths to the claims with scopes."""
        return _texts(self.scope_claim)

    @property
    def is_opaque(self) -> bool:
        """Whether its tokens are introspected."""
        return self.token_format == OPAQUE


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def distinct(issuers: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
    """Check for one entry per issuer, and one issuer per tenant unless all of its issuers share users."""
    if len({each.issuer for each in issuers}) < len(issuers):
        raise ValueError("must name every issuer once")
    for one, other in combinations(issuers, 2):
        if _can_name_one_tenant(one, other) and not (one.shares_users and other.shares_users):
            raise ValueError(
                f"must not let two issuers name one tenant ({one.issuer} and {other.issuer}): the users of one would "
                "be taken for those of the other. If every `sub` means the same user at both, set shares_users for "
                "each; otherwise set a different `tenant` for each"
            )
    return issuers


def _can_name_one_tenant(one: Issuer, other: Issuer) -> bool:
    return bool(one.tenant_claim or other.tenant_claim) or one.tenant == other.tenant
