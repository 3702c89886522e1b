"""The report that `serve` prints once it listens: as text on a terminal, otherwise in the log."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import click
import structlog

from connector import __version__
from connector.bootstrap import Services
from connector.domain.audit.history import SYSTEM
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.settings.checks import is_loopback
from connector.settings.issuers import ADMINISTRATOR_SCOPES, OPERATE

DEVELOPER = "admin"  # the user whom the link signs in

log = structlog.get_logger(__name__)


def is_on_terminal() -> bool:
    """Whether standard error is a terminal."""
    return sys.stderr.isatty()


def missing(services: Services, *, works: bool) -> list[str]:
    """Return the remaining steps of the setup; `works`: whether the server also does the worker's tasks."""
    return list(_missing(services.settings, has_provider=services.providers.is_any(), works=works))


def console_link(services: Services, tenant: Tenant, user_id: str = DEVELOPER, actor: str = SYSTEM) -> str | None:
    """Return a link that signs in to the console once, with --dev; otherwise None, also if the console is disabled."""
    settings = services.settings
    if not settings.dev or not settings.console_enabled:
        return None
    secret = services.console_sessions.make_link(tenant, user_id, (*ADMINISTRATOR_SCOPES, OPERATE), actor)
    return f"{settings.public_url}{tenant.path}/console/link/{secret}"


def announce(settings: Settings, missing: Sequence[str], console: str | None) -> None:
    """Report the address, the public URL, the link to the console with --dev, and what is missing."""
    url = listening_url(settings)
    if is_on_terminal():
        click.echo("\n".join(_words(url, settings, missing, console)), err=True)
        return
    log.info("serve.listening", url=url, public_url=settings.public_url, documentation=f"{url}/docs/")
    if console:
        log.info("serve.console", link=console)
    for each in settings.warnings():
        log.warning("serve.development", what=each)
    for each in missing:
        log.warning("serve.setup_missing", what=each)


def listening_url(settings: Settings) -> str:
    """Return the server's URL on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _missing(settings: Settings, *, has_provider: bool, works: bool) -> Iterator[str]:
    public = urlsplit(settings.public_url)
    if public.scheme == "http" and not (settings.dev and is_loopback(public.hostname)):
        yield (
            f"`public_url` is {settings.public_url}: Onfido posts events only to https addresses. Set `public_url` "
            "to the https address that leads here."
        )
    if not has_provider:
        yield "No provider is registered: `connector provider add`."
    if not works:
        yield "Deliveries and open runs need a worker: start `connector worker`."


def _words(url: str, settings: Settings, missing: Sequence[str], console: str | None) -> Iterator[str]:
    yield f"Onfido IdVP connector {__version__}"
    yield f"  Listens on   {url}" + ("" if settings.host in url else " (and every other address of this machine)")
    yield f"  Public URL   {settings.public_url}"
    yield f"  API          {url}/docs/"
    if settings.console_enabled:
        yield f"  Console      {console or f'{settings.public_url}/console'}" + (" (works once)" if console else "")
    yield from (f"  For development only: {each}" for each in settings.warnings())
    yield from (f"  Missing      {each}" for each in missing)
    yield "  Ctrl-C stops it."
