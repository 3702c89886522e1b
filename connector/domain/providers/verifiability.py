"""Whether a tenant's providers could verify a user, before any verification is started."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from connector.domain.claims import REQUIRED_FIELDS
from connector.domain.providers.provider import Provider


def used_claims(providers: Iterable[Provider]) -> frozenset[str]:
    """Return the claims whose values some provider sends, or compares with Onfido's output."""
    return frozenset(uri for each in providers for uri in _used(each))


def missing_claims(providers: Iterable[Provider], present: Collection[str]) -> tuple[str, ...]:
    """Return the claims without which no enabled provider can verify a user with values for `present`.

    Empty if a provider can verify the user, or none is enabled; otherwise the claims missing for the closest provider.
    """
    missing = [tuple(_missing(each, present)) for each in providers if each.is_enabled]
    return min(missing, key=len, default=())


def form_of(value: str) -> str:
    """Return the format of a value without its content: `31.12.1990` is `99.99.9999`."""
    return "".join("9" if each.isdigit() else "a" if each.isalpha() else each for each in value[:20])


def _used(provider: Provider) -> Iterator[str]:
    yield from provider.claims
    yield from (each.uri for each in provider.studio.output_claims)
    yield from (each.claim for each in provider.studio.custom_data if each.claim)


def _missing(provider: Provider, present: Collection[str]) -> Iterator[str]:
    """Return the first claim of each name that the user has no value for, unless a substitute is sent."""
    feeding = {
        name: [uri for uri, applicant_field in provider.claims.items() if applicant_field == name]
        for name in REQUIRED_FIELDS
    }
    missing = [uris[0] for uris in feeding.values() if uris and not any(uri in present for uri in uris)]
    return iter([] if provider.missing_name is not None and len(missing) == 1 else missing)
