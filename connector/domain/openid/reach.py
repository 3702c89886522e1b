"""Whether a client's requests can ever succeed with its provider.

Onfido requires both names for every applicant, and takes an address only as a whole. With profile `okta` all values
come with the request, so they must be among the claims that the client may request; otherwise the directory may have
the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from connector.domain.claims import REQUIRED_FIELDS, fields_to_send
from connector.domain.messages import message
from connector.domain.openid.clients import OKTA, ClientConfig
from connector.domain.providers.applicant import ADDRESS, missing_of_address
from connector.domain.providers.applicant_values import values_of
from connector.domain.providers.mapping import Source, source_of
from connector.domain.providers.provider import Provider
from connector.errors import InvalidField


def check_reach(config: ClientConfig, provider: Provider, names: Mapping[str, str]) -> None:
    """Raise `InvalidField` if no request of the client can succeed, or none that has one of its claims.

    `names` are OpenID's names of claims, by URI.
    """
    verifiable = _verifiable(provider, names)
    if not verifiable:
        raise InvalidField(
            "idVProviderId", message("must verify a claim of OpenID: map one, such as given_name, to a field")
        )
    for where, why in _objections(config, provider, names, verifiable):
        raise InvalidField(where, why)


def _verifiable(provider: Provider, names: Mapping[str, str]) -> list[str]:
    """Return OpenID's names of the claims that the provider's workflow can verify."""
    fields, outputs = provider.claims, provider.studio.by_claim
    uris = [uri for uri in names if uri in fields or uri in outputs]
    return sorted({names[uri] for uri in uris if source_of(uri, fields.get(uri), outputs) is not Source.NEVER})


def _objections(
    config: ClientConfig, provider: Provider, names: Mapping[str, str], verifiable: Collection[str]
) -> Iterator[tuple[str, str]]:
    if config.claims and not set(config.claims) & set(verifiable):
        listed = ", ".join(config.claims)
        yield (
            "claims",
            message(
                "must include one of %(verifiable)s: this provider never verifies %(listed)s",
                verifiable=", ".join(verifiable),
                listed=listed,
            ),
        )
    chosen = set(config.claims or names.values())
    fields = {uri: name for uri, name in provider.claims.items() if names.get(uri) in chosen}
    if config.profile == OKTA:  # a request brings all values
        yield from _about_names(provider, names, fields)
        sent = frozenset(fields.values())
    else:
        sent = fields_to_send(frozenset(fields.values()), frozenset(provider.claims.values()))
    if config.claims and (missing := missing_of_address(sent)):
        yield "claims", _incomplete_address(missing, provider, names, fields)


def _about_names(provider: Provider, names: Mapping[str, str], fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    sent = values_of(provider.claims, REQUIRED_FIELDS, dict.fromkeys(fields, "x"), provider.missing_name)
    missing = [uri for uri, name in provider.claims.items() if name in REQUIRED_FIELDS and name not in sent]
    if unnamed := [uri for uri in missing if uri not in names]:
        yield (
            "idVProviderId",
            message(
                "must map a claim of OpenID to %(claims)s, not %(unnamed)s",
                claims=provider.claims[unnamed[0]],
                unnamed=unnamed[0],
            ),
        )
    if missing:
        added = ", ".join(sorted({names[uri] for uri in missing}))
        yield "claims", message("must also include %(added)s, which Onfido requires for every applicant", added=added)


def _incomplete_address(
    missing: Collection[str], provider: Provider, names: Mapping[str, str], fields: Mapping[str, str]
) -> str:
    """Return which claims to add or, if the provider maps none to a field, which to leave out."""
    added = {name: names[uri] for uri, name in provider.claims.items() if name in missing and uri in names}
    whole = "Onfido takes an address only as a whole"
    if unmapped := [name for name in missing if name not in added]:
        part = next(names[uri] for uri, name in fields.items() if name.startswith(ADDRESS))
        return message(
            "must not include %(part)s while the provider maps no claim to %(unmapped)s: %(whole)s",
            part=part,
            unmapped=", ".join(unmapped),
            whole=whole,
        )
    return message("must also include %(names)s: %(whole)s", names=", ".join(sorted(added.values())), whole=whole)
