"""`/v3.6/passkeys` and `/v3.6/biometric_tokens`: a customer's objects, by `customer_user_id`.

Onfido creates them in workflows that are not simulated; here `POST /simulator/customers/{id}` does.
"""

from __future__ import annotations

from flask import Blueprint, g

from connector.simulator import errors
from connector.simulator.records import Belonging, iso
from connector.simulator.simulation import json_body, locked, simulation
from connector.simulator.validation import Input, Json, check, choice

blueprint = Blueprint("customers", __name__)

PASSKEY, BIOMETRIC_TOKEN = "passkey", "biometric token"


class PasskeyChange(Input):
    """A passkey's new state."""

    state = choice("ACTIVE", "INACTIVE", required=True)


class TokenChange(Input):
    """A biometric token's new status."""

    status = choice("approved", "declined", required=True)


@blueprint.get("/passkeys/<username>")
def list_passkeys(username: str) -> Json:
    """List a customer's passkeys."""
    with locked():
        return {"passkeys": [_passkey(each) for each in _of(PASSKEY, username)]}


@blueprint.delete("/passkeys/<username>")
def delete_passkeys(username: str) -> tuple[str, int]:
    """Delete a customer's passkeys; 404 if there are none."""
    with locked():
        if not _remove(_of(PASSKEY, username)):
            raise errors.not_found(PASSKEY)
    return "", 204


@blueprint.get("/passkeys/<username>/<passkey_id>")
def read_passkey(username: str, passkey_id: str) -> Json:
    """Show a passkey."""
    with locked():
        return _passkey(_find(PASSKEY, username, passkey_id))


@blueprint.put("/passkeys/<username>/<passkey_id>")
def update_passkey(username: str, passkey_id: str) -> Json:
    """Switch a passkey on or off."""
    values = check(json_body(), PasskeyChange())
    return _passkey(_changed(PASSKEY, username, passkey_id, values["state"]))


@blueprint.delete("/passkeys/<username>/<passkey_id>")
def delete_passkey(username: str, passkey_id: str) -> tuple[str, int]:
    """Delete a passkey."""
    with locked():
        _remove([_find(PASSKEY, username, passkey_id)])
    return "", 204


@blueprint.get("/biometric_tokens/<user_id>")
def list_tokens(user_id: str) -> Json:
    """List a customer's biometric tokens."""
    with locked():
        return {"biometric_tokens": [_token(each) for each in _of(BIOMETRIC_TOKEN, user_id)]}


@blueprint.delete("/biometric_tokens/<user_id>")
def delete_tokens(user_id: str) -> Json:
    """Invalidate a customer's biometric tokens and return how many there were."""
    with locked():
        count = _remove(_of(BIOMETRIC_TOKEN, user_id))
    return {"biometric_tokens": {"deleted_items": {"count": count}}}


@blueprint.get("/biometric_tokens/<user_id>/<token_id>")
def read_token(user_id: str, token_id: str) -> Json:
    """Show a biometric token."""
    with locked():
        return {"biometric_token": _token(_find(BIOMETRIC_TOKEN, user_id, token_id))}


@blueprint.put("/biometric_tokens/<user_id>/<token_id>")
def update_token(user_id: str, token_id: str) -> Json:
    """Approve or decline a biometric token."""
    values = check(json_body(), TokenChange())
    return {"biometric_token": _token(_changed(BIOMETRIC_TOKEN, user_id, token_id, values["status"]))}


@blueprint.delete("/biometric_tokens/<user_id>/<token_id>")
def delete_token(user_id: str, token_id: str) -> Json:
    """Invalidate a biometric token."""
    with locked():
        count = _remove([_find(BIOMETRIC_TOKEN, user_id, token_id)])
    return {"biometric_token": {"deleted_items": {"count": count}}}


def _of(kind: str, customer_id: str) -> list[Belonging]:
    """Find a customer's objects in the environment of the token; an id in a path keeps an encoded slash encoded."""
    owner = (customer_id.replace("%2F", "/"), g.is_sandbox)
    state = simulation().state
    return [each for each in state.belongings.values() if each.kind == kind and each.owner == owner]


def _find(kind: str, customer_id: str, identifier: str) -> Belonging:
    for each in _of(kind, customer_id):
        if each.identifier == identifier:
            return each
    raise errors.not_found(kind)


def _changed(kind: str, customer_id: str, identifier: str, status: str) -> Belonging:
    with locked():
        belonging = _find(kind, customer_id, identifier)
        belonging.status = status
    return belonging


def _remove(belongings: list[Belonging]) -> int:
    for each in belongings:
        del simulation().state.belongings[each.identifier]
    return len(belongings)


def _passkey(passkey: Belonging) -> Json:
    created_at = iso(passkey.created_at)
    return {
        "id": passkey.identifier,
        "application_domain": "example.com",
        "state": passkey.status,
        "created_at": created_at,
        "last_used_at": created_at,
    }


def _token(token: Belonging) -> Json:
    data = {"inserted_at": iso(token.created_at), "media_type": "motion_capture", "status": token.status}
    return {"uuid": token.identifier, "data": data}
