"""Every entry of the history as one sentence: "bob replaced the API token of Onfido EU."

It is made here alone, for the API, the command line and the console. It names no value of a user and no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from connector.domain import history
from connector.domain.claims import VERIFIED
from connector.domain.differences import REPLACED
from connector.domain.history import SYSTEM, Change, name_of
from connector.errors import message_of

MOST_NAMED = 4  # things that a sentence names; the others are counted
_PROPERTIES = {
    "api_token": "the API token",
    "client_id": "the client id",
    "client_secret": "the client secret",
    "webhook_token": "the webhook token",
    "notice_secret": "the secret for notices",
    "workflow_id": "the workflow",
    "base_url": "the base URL",
    "max_attempts": "the number of attempts",
    "attempt_window": "the time for attempts",
    "missing_name": "what stands for a missing name",
    "accent_color": "the accent colour",
    "is_enabled": "whether it is enabled",
    "url": "the URL",
}
_WEBHOOK = {"created": "registered the webhook", "repaired": "repaired the webhook", "removed": "removed the webhook"}
# By object and action; `name` is the object's, `who` the actor, `user` the user concerned.
_PLAIN = {
    (history.PROVIDER, history.ADDED): "{who} added the provider {name}.",
    (history.PROVIDER, history.REMOVED): "{who} removed the provider {name} with all that was verified through it.",
    (history.USER, history.ADDED): "{who} added the user {name}.",
    (history.USER, history.REMOVED): "{who} removed the user {name} with all personal data.",
    (history.USER, "watchlist_matches_updated"): "Onfido reported changed watchlist matches of the user {name}.",
    (history.APPLICANT, "updated"): "{who} sent the present values of {user} to the applicant {name}.",
    (history.APPLICANT, "deleted"): "{who} asked Onfido to delete the applicant {name} of {user}.",
    (history.APPLICANT, "restored"): "{who} restored the applicant {name} of {user} at Onfido.",
    (history.OUTBOX, "retried"): "{who} had the delivery {name} made again.",
    (history.OUTBOX, "dropped"): "{who} dropped the delivery {name}: it will never be made.",
    (history.EXPORT, history.EXPORTED): "{who} exported {name}.",
    (history.FILE, history.READ): "{who} opened the file {name} of {user}.",
    (history.EVENT, history.READ): "{who} read the body of the event {name}.",
    (history.EVENT, history.REPLAYED): "{who} applied the event {name} again.",
    (history.KEY, history.ADDED): "{who} put the signing key {name} into use.",
    (history.KEY, history.REMOVED): "{who} revoked the signing key {name}.",
    (history.VALUES, history.READ): "{who} read values of the user {name}.",
    (history.ENDPOINT, history.ADDED): "{who} added the endpoint for notices {name}.",
    (history.ENDPOINT, history.REMOVED): "{who} removed the endpoint for notices {name}.",
    (history.ENDPOINT, "disabled"): "{who} disabled the endpoint for notices {name}: its application is gone.",
    (history.ENDPOINT, "resent"): "{who} had the notices of the endpoint {name} sent again.",
    (history.ENDPOINT, "secret_replaced"): "{who} replaced the secret of the endpoint for notices {name}.",
    (history.ENDPOINT, "tested"): "{who} sent a test notice to the endpoint {name}.",
    (history.CLIENT, history.ADDED): "{who} added the OpenID client {name}.",
    (history.CLIENT, history.REMOVED): "{who} removed the OpenID client {name}.",
    (history.CLIENT, "secret_replaced"): "{who} replaced the secret of the OpenID client {name}.",
    (history.RUN, "orphaned"): "Onfido has the run {name}, which belongs to no verification.",
    (history.RUN, "task_completed"): "{who} completed a task of the run {name}.",
}


def sentence(change: Change) -> str:
    """Return an entry as a sentence."""
    plain = _PLAIN.get((change.subject, change.current))
    if plain is not None:
        return plain.format(who=_who(change), name=change.name, user=_user(change))
    compose = _COMPOSED.get(change.subject, _moved)
    return compose(change)


def _who(change: Change) -> str:
    is_unnamed = change.actor in (None, "", SYSTEM)
    return "The connector" if is_unnamed else name_of(change.actor or "")


def _user(change: Change) -> str:
    return change.user_id or "a user"


def _of_configured(change: Change) -> str:
    """Describe the change of a provider or an endpoint."""
    changed = f"the {change.subject} {change.name}"
    if list(changes := change.changes or {}) == ["is_enabled"]:
        return f"{_who(change)} {'enabled' if changes['is_enabled']['to'] else 'disabled'} {changed}."
    return f"{_who(change)} {_deeds(change, changes)} of {changed}."


def _deeds(change: Change, changes: Mapping[str, Mapping[str, object]]) -> str:
    by_verb: dict[str, dict[str, None]] = {}
    for name, difference in changes.items():
        by_verb.setdefault(_verb(difference), {})[_property(name)] = None
    deeds = [f"{verb} {listed(names)}" for verb, names in by_verb.items()]
    if webhook := _WEBHOOK.get(str(change.detail.get("webhook"))):
        deeds.insert(0, webhook)
    return listed(deeds) or _known_by_name(change)


def _known_by_name(change: Change) -> str:
    """Return the deed where only the properties' names are known, as of entries from before they had more."""
    names = change.detail.get("properties", ())
    if names and all(name.startswith("previous_") for name in names):
        return "ended the validity of the former webhook token"
    return f"changed {listed(map(_property, names))}" if names else "saved the same configuration"


def _verb(difference: Mapping[str, object]) -> str:
    if difference["to"] == REPLACED:
        return "replaced"
    if difference["to"] is None:
        return "removed"
    return "set" if difference["from"] is None else "changed"


def _property(name: str) -> str:
    whole, _, part = name.partition(".")
    if whole == "claims" and part:
        return f"the mapping of {_short(part)}"
    return f"the Studio setting {part}" if part else _PROPERTIES.get(name, f"the {name.replace('_', ' ')}")


def _of_user(change: Change) -> str:
    if change.current == history.UNLOCKED:
        return f"{_who(change)} unlocked the user {change.name}: {change.detail.get('attempts')} attempts do not count."
    removed = change.detail.get("removed", ())
    changed = [uri for uri in change.detail.get("claims", ()) if uri not in removed]
    deeds = [
        f"{verb} {listed(map(_short, uris))}" for verb, uris in (("changed", changed), ("removed", removed)) if uris
    ]
    return f"{_who(change)} {' and '.join(deeds) or 'changed nothing'} of the user {change.name}."


def _of_claim(change: Change) -> str:
    claim = _short(change.name or "a claim")
    if change.cause in history.AUDITED:
        state = "verified" if change.current == VERIFIED else f"not verified ({change.current})"
        return f"{_who(change)} marked {claim} of {_user(change)} as {state}."
    if change.current == VERIFIED:
        return f"{claim} was verified."
    state = "is no longer verified" if change.previous == VERIFIED else "is not verified"
    return f"{claim} {state}: {change.current}."


def _of_run(change: Change) -> str:
    if change.cause == history.DECIDED:
        return f"{_who(change)} {change.current} the run {change.name} of {_user(change)} in review."
    if change.cause == history.INITIATED and change.actor:
        return f"{_who(change)} started the run {change.name}: it is {change.current}."
    return _moved(change)


def _moved(change: Change) -> str:
    source = f" from {change.previous}" if change.previous else ""
    return f"The {change.subject} {change.name or ''} went{source} to {change.current}.".replace("  ", " ")


def _of_start(change: Change) -> str:
    reason = f"{message_of(change.current)} ({change.current})"
    return f"{_who(change)} could not start a verification of {_user(change)}: {reason}."


def _of_request(change: Change) -> str:
    reason = str(change.detail.get("reason") or message_of(change.current)).rstrip(".")
    return f"{_who(change)} was refused {change.name}: {' '.join(filter(None, (reason, f'({change.current})')))}."


def _of_settings(change: Change) -> str:
    return f"The settings of {change.name} changed: {listed(change.changes or ()) or 'nothing that is shown'}."


def listed(names: Iterable[str]) -> str:
    """Return names as words: `a, b and c`, of many the first ones and the number of the others."""
    known = list(names)
    if len(known) > MOST_NAMED:
        known = [*known[: MOST_NAMED - 1], f"{len(known) - MOST_NAMED + 1} more"]
    return " and ".join(filter(None, (", ".join(known[:-1]), *known[-1:])))


def _short(uri: str) -> str:
    """Return the last part of a claim's URI, which people know it by."""
    return uri.rstrip("/").rpartition("/")[2] or uri


_COMPOSED: Mapping[str, Callable[[Change], str]] = {
    history.PROVIDER: _of_configured,
    history.ENDPOINT: _of_configured,
    history.CLIENT: _of_configured,
    history.USER: _of_user,
    history.CLAIM: _of_claim,
    history.RUN: _of_run,
    history.START: _of_start,
    history.REQUEST: _of_request,
    history.SETTINGS: _of_settings,
}
