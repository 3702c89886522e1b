"""Every entry of the history as one sentence, such as "bob replaced the API token of Onfido EU."

Only this module creates these sentences, for the API, the command line and the console. They contain no user's value
and no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from connector.domain.audit import history
from connector.domain.audit.differences import REPLACED
from connector.domain.audit.history import SYSTEM, Change, name_of
from connector.domain.claims import VERIFIED
from connector.domain.messages import counted, marked
from connector.domain.messages import message as _
from connector.domain.providers.property_names import property_name, short_claim
from connector.errors import message_of

MOST_NAMED = 4  # items that a sentence names; the others are counted
_WEBHOOK = {
    "created": _("registered the webhook"),
    "repaired": _("repaired the webhook"),
    "removed": _("removed the webhook"),
}
# By object and action; `name` is the object's, `who` the actor, `user` the user concerned.
_PLAIN = {
    (history.PROVIDER, history.ADDED): marked("%(who)s added the provider %(name)s."),
    (history.PROVIDER, history.REMOVED): marked(
        "%(who)s removed the provider %(name)s with all that was verified through it."
    ),
    (history.USER, history.ADDED): marked("%(who)s added the user %(name)s."),
    (history.USER, history.REMOVED): marked("%(who)s removed the user %(name)s with all personal data."),
    (history.USER, "watchlist_matches_updated"): marked(
        "Onfido reported changed watchlist matches of the user %(name)s."
    ),
    (history.APPLICANT, "updated"): marked("%(who)s sent the current values of %(user)s to the applicant %(name)s."),
    (history.APPLICANT, "deleted"): marked("%(who)s asked Onfido to delete the applicant %(name)s of %(user)s."),
    (history.APPLICANT, "restored"): marked("%(who)s restored the applicant %(name)s of %(user)s at Onfido."),
    (history.OUTBOX, "retried"): marked("%(who)s retried the delivery %(name)s."),
    (history.OUTBOX, "dropped"): marked("%(who)s dropped the delivery %(name)s: it is never attempted again."),
    (history.EXPORT, history.EXPORTED): marked("%(who)s exported %(name)s."),
    (history.FILE, history.READ): marked("%(who)s opened the file %(name)s of %(user)s."),
    (history.RESULT, history.READ): marked("%(who)s read the result of the run %(name)s of %(user)s."),
    (history.TASK, history.READ): marked("%(who)s read the data of the task %(name)s of %(user)s."),
    (history.EVENT, history.READ): marked("%(who)s read the body of the event %(name)s."),
    (history.EVENT, history.REPLAYED): marked("%(who)s applied the event %(name)s again."),
    (history.KEY, history.ADDED): marked("%(who)s put the signing key %(name)s into use."),
    (history.KEY, history.REMOVED): marked("%(who)s revoked the signing key %(name)s."),
    (history.VALUES, history.READ): marked("%(who)s read values of the user %(name)s."),
    (history.ENDPOINT, history.ADDED): marked("%(who)s added the notice endpoint %(name)s."),
    (history.ENDPOINT, history.REMOVED): marked("%(who)s removed the notice endpoint %(name)s."),
    (history.ENDPOINT, "disabled"): marked(
        "%(who)s disabled the notice endpoint %(name)s: its application answered 410 (Gone)."
    ),
    (history.ENDPOINT, "resent"): marked("%(who)s had the notices of the endpoint %(name)s sent again."),
    (history.ENDPOINT, "secret_replaced"): marked("%(who)s replaced the secret of the notice endpoint %(name)s."),
    (history.ENDPOINT, "tested"): marked("%(who)s sent a test notice to the endpoint %(name)s."),
    (history.CLIENT, history.ADDED): marked("%(who)s added the OpenID client %(name)s."),
    (history.CLIENT, history.REMOVED): marked("%(who)s removed the OpenID client %(name)s."),
    (history.CLIENT, "secret_replaced"): marked("%(who)s replaced the secret of the OpenID client %(name)s."),
    (history.SESSION, history.LINK_MADE): marked("%(who)s created a link that signs %(name)s in once."),
    (history.STREAM, history.ADDED): marked("%(who)s created the stream of signals %(name)s."),
    (history.STREAM, history.REMOVED): marked("%(who)s removed the stream of signals %(name)s."),
    (history.STREAM, "enabled"): marked("%(who)s enabled the stream of signals %(name)s."),
    (history.STREAM, "paused"): marked("%(who)s paused the stream of signals %(name)s."),
    (history.STREAM, "disabled"): marked("%(who)s disabled the stream of signals %(name)s."),
    (history.RUN, "orphaned"): marked("Onfido has the run %(name)s, which belongs to no verification."),
    (history.RUN, "task_completed"): marked("%(who)s completed a task of the run %(name)s."),
}


def sentence(change: Change) -> str:
    """Return an entry as a sentence."""
    plain = _PLAIN.get((change.subject, change.current))
    if plain is not None:
        return _(plain, who=_who(change), name=change.name or "", user=_user(change))
    compose = _COMPOSED.get(change.subject, _moved)
    return compose(change)


def _who(change: Change) -> str:
    is_unnamed = change.actor in (None, "", SYSTEM)
    return _("The connector") if is_unnamed else name_of(change.actor or "")


def _user(change: Change) -> str:
    return change.user_id or _("a user")


def _of_configured(change: Change) -> str:
    """Describe the change of a provider, an endpoint or a client."""
    who, what = _who(change), _(_CONFIGURED[change.subject], name=change.name or "")
    if list(changes := change.changes or {}) == ["is_enabled"]:
        if changes["is_enabled"]["to"]:
            return _("%(who)s enabled %(what)s.", who=who, what=what)
        return _("%(who)s disabled %(what)s.", who=who, what=what)
    return _("%(who)s %(deeds)s of %(what)s.", who=who, deeds=_deeds(change, changes), what=what)


_CONFIGURED = {
    history.PROVIDER: marked("the provider %(name)s"),
    history.ENDPOINT: marked("the endpoint %(name)s"),
    history.STREAM: marked("the stream of signals %(name)s"),
    history.CLIENT: marked("the client %(name)s"),
}


def _deeds(change: Change, changes: Mapping[str, Mapping[str, object]]) -> str:
    by_verb: dict[str, dict[str, None]] = {}
    for name, difference in changes.items():
        by_verb.setdefault(_verb(difference), {})[property_name(name)] = None
    deeds: list[str] = [_(verb, what=listed(names)) for verb, names in by_verb.items()]
    if webhook := _WEBHOOK.get(str(change.detail.get("webhook"))):
        deeds.insert(0, webhook)
    return listed(deeds) or _known_by_name(change)


def _known_by_name(change: Change) -> str:
    """Return the sentence for entries of earlier versions, which have only the properties' names."""
    names = change.detail.get("properties", ())
    if names and all(name.startswith("previous_") for name in names):
        return _("ended the validity of the former webhook token")
    return _(_CHANGED, what=listed(map(property_name, names))) if names else _("saved the same configuration")


_CHANGED, _REMOVED = marked("changed %(what)s"), marked("removed %(what)s")


def _verb(difference: Mapping[str, object]) -> str:
    if difference["to"] == REPLACED:
        return marked("replaced %(what)s")
    if difference["to"] is None:
        return _REMOVED
    return marked("set %(what)s") if difference["from"] is None else _CHANGED


def _of_user(change: Change) -> str:
    who, name, removed = _who(change), change.name or "", change.detail.get("removed", ())
    if change.current == history.UNLOCKED:
        return counted(
            "%(who)s unlocked the user %(name)s: %(num)s attempt does not count.",
            "%(who)s unlocked the user %(name)s: %(num)s attempts do not count.",
            change.detail.get("attempts", 0),
            who=who,
            name=name,
        )
    changed = [uri for uri in change.detail.get("claims", ()) if uri not in removed]
    deeds = [
        _(verb, what=listed(map(short_claim, uris)))
        for verb, uris in ((_CHANGED, changed), (_REMOVED, removed))
        if uris
    ]
    return _("%(who)s %(deeds)s of the user %(name)s.", who=who, deeds=listed(deeds) or _("changed nothing"), name=name)


def _of_claim(change: Change) -> str:
    claim, is_verified = short_claim(change.name) if change.name else _("an attribute"), change.current == VERIFIED
    if change.cause in history.AUDITED:
        text = (
            marked("%(who)s marked %(claim)s of %(user)s as verified.")
            if is_verified
            else marked("%(who)s marked %(claim)s of %(user)s as not verified (%(state)s).")
        )
        return _(text, who=_who(change), claim=claim, user=_user(change), state=change.current)
    if is_verified:
        return _("%(claim)s was verified.", claim=claim)
    if change.previous == VERIFIED:
        return _("%(claim)s is no longer verified: %(state)s.", claim=claim, state=change.current)
    return _("%(claim)s is not verified: %(state)s.", claim=claim, state=change.current)


def _of_run(change: Change) -> str:
    who, name = _who(change), change.name or ""
    if change.cause == history.DECIDED:
        text = marked("%(who)s %(decision)s the run %(name)s of %(user)s in review.")
        return _(text, who=who, decision=_DECISIONS.get(change.current, change.current), name=name, user=_user(change))
    if change.cause == history.INITIATED and change.actor:
        return _("%(who)s started the run %(name)s: it is %(state)s.", who=who, name=name, state=change.current)
    return _moved(change)


_DECISIONS = {"approved": _("approved"), "declined": _("declined")}


def _moved(change: Change) -> str:
    what = f"{change.subject} {change.name or ''}".rstrip()
    if change.previous:
        return _(
            "The %(what)s went from %(before)s to %(after)s.", what=what, before=change.previous, after=change.current
        )
    return _("The %(what)s went to %(after)s.", what=what, after=change.current)


def _of_start(change: Change) -> str:
    text = marked("%(who)s could not start a verification of %(user)s: %(reason)s (%(code)s).")
    reason = _(message_of(change.current))
    return _(text, who=_who(change), user=_user(change), reason=reason, code=change.current)


def _of_request(change: Change) -> str:
    who, name = _who(change), change.name or ""
    reason = str(change.detail.get("reason") or "").rstrip(".") or _(message_of(change.current))
    if not reason:
        return _("%(who)s was refused %(name)s (%(code)s).", who=who, name=name, code=change.current)
    return _(
        "%(who)s was refused %(name)s: %(reason)s (%(code)s).", who=who, name=name, reason=reason, code=change.current
    )


def _of_session(change: Change) -> str:
    who, name, issuer = _who(change), change.name or "", str(change.detail.get("issuer", ""))
    if change.cause == history.REFUSED:
        return _(_SIGN_IN_REFUSALS.get(change.current, _OTHER_SIGN_IN), issuer=name or _("the identity provider"))
    if change.current == history.SIGNED_IN:
        if change.detail.get("link"):
            return _("%(who)s signed in to the console with a link that works once.", who=who)
        return _("%(who)s signed in to the console at %(issuer)s.", who=who, issuer=issuer)
    if issuer:
        return _("%(issuer)s signed %(name)s out of the console.", issuer=issuer, name=name)
    if name == who:
        return _("%(who)s signed out of the console.", who=who)
    return _("%(who)s signed %(name)s out of the console.", who=who, name=name)


_OTHER_SIGN_IN = marked("A sign-in to the console was refused.")
_SIGN_IN_REFUSALS = {
    history.NOT_BEGUN: marked("A sign-in to the console was refused: it began in another browser, or too long ago."),
    history.NO_ANSWER: marked("A sign-in to the console failed: %(issuer)s did not answer."),
    history.CANCELLED: marked("A sign-in to the console was cancelled, or %(issuer)s did not allow it."),
    history.OTHER_TENANT: marked(
        "A sign-in to the console was refused: the account at %(issuer)s is another tenant's."
    ),
    history.NOT_ACCEPTED: marked("A sign-in to the console was refused: the answer of %(issuer)s was not acceptable."),
    history.LINK_USED: marked("A sign-in to the console was refused: its link had been used, or had expired."),
    history.NO_SIGN_OUT: marked("A sign-out that %(issuer)s sent was refused: its logout token is not valid."),
}


def _of_settings(change: Change) -> str:
    names = listed(change.changes or ()) or _("only values that are not shown")
    return _("The settings of %(name)s changed: %(names)s.", name=change.name or "", names=names)


def listed(names: Iterable[str]) -> str:
    """Return names as words: `a, b and c`; if there are many, the first ones and the number of the others."""
    known = list(names)
    if len(known) > MOST_NAMED:
        others = len(known) - MOST_NAMED + 1
        known = [*known[: MOST_NAMED - 1], counted("%(num)s more", "%(num)s more", others)]
    if not known:
        return ""
    *first, last = known
    return _("%(first)s and %(last)s", first=reduce(_pair, first), last=last) if first else last


def _pair(first: str, second: str) -> str:
    return _("%(first)s, %(second)s", first=first, second=second)


_COMPOSED: Mapping[str, Callable[[Change], str]] = {
    history.PROVIDER: _of_configured,
    history.ENDPOINT: _of_configured,
    history.CLIENT: _of_configured,
    history.STREAM: _of_configured,
    history.USER: _of_user,
    history.CLAIM: _of_claim,
    history.RUN: _of_run,
    history.START: _of_start,
    history.REQUEST: _of_request,
    history.SESSION: _of_session,
    history.SETTINGS: _of_settings,
}
