"""The application's services to the console: use cases, settings, clock, and the limit on sign-ins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app, g

from connector.console.turns import SignInTurns
from connector.services.console.console_sessions import ConsoleSessions
from connector.services.console.sign_in_record import SignInRecord
from connector.services.providers.registry import Providers
from connector.settings import Settings

TURNS = "console_turns"


def use_cases() -> Any:
    """Return the use cases; the caller declares the class."""
    return current_app.extensions["services"]


def console_sessions() -> ConsoleSessions:
    """Return the use case for sessions."""
    sessions: ConsoleSessions = use_cases().console_sessions
    return sessions


def sign_in_record() -> SignInRecord:
    """Return the use case that records refused sign-ins."""
    record: SignInRecord = use_cases().sign_in_record
    return record


def provider_names() -> dict[str, str]:
    """Return the names of the tenant's providers by their ids."""
    providers: Providers = use_cases().providers
    return {each.provider_id: each.name for each in providers.all(g.tenant)}


def settings() -> Settings:
    """Return the settings in force."""
    given: Settings = current_app.extensions["settings"]
    return given


def public_url() -> str:
    """Return the address at which browsers reach the connector."""
    return str(current_app.config["PUBLIC_URL"])


def now() -> datetime:
    """Return the time, by the application's clock."""
    time: datetime = current_app.extensions["clock"]()
    return time


def turns() -> SignInTurns:
    """Return the limit on sign-ins."""
    given: SignInTurns = current_app.extensions[TURNS]
    return given
