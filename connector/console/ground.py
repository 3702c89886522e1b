"""What the application has put together: the use cases, the settings, the clock, the turns to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app

from connector.console.turns import SignInTurns
from connector.services.console_sessions import ConsoleSessions
from connector.services.sign_in_record import SignInRecord
from connector.settings import Settings

TURNS = "console_turns"


def use_cases() -> Any:
    """Return the use cases; who takes one says of which class it is."""
    return current_app.extensions["services"]


def console_sessions() -> ConsoleSessions:
    """Return the use case for sessions."""
    sessions: ConsoleSessions = use_cases().console_sessions
    return sessions


def sign_in_record() -> SignInRecord:
    """Return the use case that records what is refused of sign-ins."""
    record: SignInRecord = use_cases().sign_in_record
    return record


def settings() -> Settings:
    """Return the settings in force."""
    given: Settings = current_app.extensions["settings"]
    return given


def public_url() -> str:
    """Return where browsers reach the connector."""
    return str(current_app.config["PUBLIC_URL"])


def now() -> datetime:
    """Return the time, by the application's clock."""
    time: datetime = current_app.extensions["clock"]()
    return time


def turns() -> SignInTurns:
    """Return the turns to sign in."""
    given: SignInTurns = current_app.extensions[TURNS]
    return given
