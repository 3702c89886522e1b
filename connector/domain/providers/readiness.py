"""The checks before the first user is verified with a provider, as values and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connector.domain.claims import REQUIRED_FIELDS, comparison_key
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.frozen import frozen
from connector.domain.messages import claims_named, joined
from connector.domain.messages import message as _
from connector.domain.providers.applicant import missing_of_address
from connector.domain.providers.provider import Provider
from connector.domain.urls import UrlPolicy

REGION, TOKEN, ENVIRONMENT, WORKFLOW, CLAIMS, WEBHOOK, DELIVERY = (
    *("region", "token", "environment"),
    *("workflow", "claims", "webhook", "delivery"),
)
MOST_COUNTED = 1000  # results of the sandbox; counting more would take longer
_ABOUT_ENVIRONMENT = {
    SANDBOX: _("The token is for the sandbox: documents are not really checked."),
    LIVE: _("The token is for the live environment: runs are charged."),
}

_DOCUMENT = _("Compared with the document")
_ADDRESS = _("Compared with a proof of address, if the workflow requests one")
_OUTPUT = _("Determined by the workflow's output")
_NOTHING = _("Never verified, unless studio.outputClaims names the workflow's output that determines it")
_COMPARED = {
    **dict.fromkeys(("first_name", "last_name", "date_of_birth"), _DOCUMENT),
    "address": _ADDRESS,
}


@frozen
class Check:
    """One check; `passed` is None if it was not made. `detail` says what to do if it failed.

    `is_unanswered`: it failed because Onfido did not answer, so its subject is unknown. `is_warning`: it passed, but
    `detail` says what should be changed.
    """

    name: str
    passed: bool | None
    detail: str
    is_unanswered: bool = False
    is_warning: bool = False


@frozen
class Readiness:
    """All checks, in the order of their dependencies."""

    environment: str | None
    checks: tuple[Check, ...]

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [check.name for check in self.checks if check.passed is False]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failed


def not_checked(name: str, why: str) -> Check:
    """Create a check that was not made."""
    return Check(name, None, _("not checked: %(why)s.", why=why))


def check_environment(environment: str | None, sandbox_results: int = 0) -> Check:
    """Return the check that names the Onfido environment of the credentials, and its consequences."""
    note = sandbox_note(sandbox_results)
    if environment not in _ABOUT_ENVIRONMENT:  # not known yet, or written by another version
        check = not_checked(ENVIRONMENT, _("neither the token's prefix nor an applicant at Onfido shows it yet"))
        return replace(check, detail=joined((check.detail, note)))
    return Check(ENVIRONMENT, True, joined((_ABOUT_ENVIRONMENT[environment], note)))


def sandbox_note(results: int) -> str:
    """Return the sentence that results of the sandbox verify nothing; empty if there are none."""
    if not results:
        return ""
    if results == 1:
        return _("1 verification of Onfido's sandbox verifies nothing now: its user can start again.")
    number = str(results) if results < MOST_COUNTED else _("%(number)s or more", number=MOST_COUNTED)
    return _(
        "%(number)s verifications of Onfido's sandbox verify nothing now: their users can start again.", number=number
    )


def check_claims(provider: Provider) -> Check:
    """Return the check that lists how each claim is verified; one that is never verified is reported, not failed."""
    if missing := [name for name in REQUIRED_FIELDS if name not in provider.claims.values()]:
        names = " and ".join(missing)
        detail = _("Onfido requires %(names)s for every applicant: map a claim to it.", names=names)
        return Check(CLAIMS, False, detail)
    if missing := missing_of_address(provider.claims.values()):
        names = " and ".join(missing)
        detail = _(
            "Onfido takes an address with its postcode and its country only: map a claim to %(names)s.", names=names
        )
        return Check(CLAIMS, False, detail)
    claims_by_source: dict[str, list[str]] = {_DOCUMENT: [], _ADDRESS: [], _OUTPUT: [], _NOTHING: []}
    for uri, by in _tellers(provider):
        claims_by_source[by].append(uri)
    lines = ((by, claims_named(uris)) for by, uris in claims_by_source.items() if uris)
    return Check(CLAIMS, True, joined(_("%(by)s: %(names)s.", by=by, names=names) for by, names in lines))


def never_verified(provider: Provider) -> list[str]:
    """Return the mapped claims that are never verified."""
    return [uri for uri, by in _tellers(provider) if by == _NOTHING]


def webhook_objection(provider: Provider, url: str) -> str | None:
    """Return why Onfido cannot post to our URL: it requires https, except for a simulator on loopback."""
    is_simulated = provider.base_url.startswith("http://")
    if UrlPolicy(None, allows_http_loopback=is_simulated).objection(url) is None:
        return None
    return _(
        "Onfido posts to https only, not to %(url)s: set public_url to the https address that Onfido reaches.", url=url
    )


def _tellers(provider: Provider) -> Iterator[tuple[str, str]]:
    outputs: Mapping[str, object] = provider.studio.by_claim
    for uri, applicant_field in provider.claims.items():
        yield uri, _OUTPUT if uri in outputs else _COMPARED.get(comparison_key(applicant_field), _NOTHING)
    yield from ((uri, _OUTPUT) for uri in outputs if uri not in provider.claims)
