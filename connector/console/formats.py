"""Times, durations, ids and numbers as pages show them, in the viewer's language and time zone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from babel.dates import get_timezone as find_timezone
from flask import request
from flask_babel import format_datetime, format_decimal, format_timedelta, get_timezone
from flask_babel import gettext as _
from markupsafe import Markup, escape

from connector.console.ground import now
from connector.console.translations import EXACT, say
from connector.domain.audit.history import Change
from connector.domain.audit.sentences import sentence
from connector.domain.providers.property_names import property_name
from connector.domain.utc import timestamp

ZONE_COOKIE = "zone"
RECENT = timedelta(hours=24)
SHORT_ID = 8
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def viewers_zone() -> str:
    """Return the time zone that the browser reported; UTC until then."""
    zone = request.cookies.get(ZONE_COOKIE, "")
    try:
        find_timezone(zone or "UTC")
    except LookupError:
        return "UTC"
    return zone or "UTC"


def zone_name() -> str:
    """Return the name of the viewer's zone."""
    return str(get_timezone())


def time_tag(at: datetime | None, style: str = "auto") -> Markup:
    """Return a `<time>`: relative within a day, then the date; `style` may be relative, date, or exact.

    The exact time with its zone is in the tooltip.
    """
    if at is None:
        return Markup('<span class="faint">–</span>')
    exact = f"{format_datetime(at, EXACT)} {zone_name()}"
    age = now() - at
    is_relative = style == "relative" or (style == "auto" and abs(age) < RECENT)
    text = _relative(age) if is_relative else exact if style == "exact" else format_datetime(at, _PATTERNS[style])
    mark = Markup(' data-relative=""') if is_relative else Markup("")
    iso = timestamp(at)
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(iso, exact, mark, text)


_PATTERNS = {"auto": "d MMM y, HH:mm", "date": "d MMM y", "clock": "HH:mm:ss"}


def moment_of(text: str | None) -> datetime | None:
    """Read a time that a page has put into an address or a form, which may have been changed; None if it is none."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def duration(value: timedelta | float | None) -> str:
    """Write a duration with its two largest units: 2 min 41 s."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 1:
        return str(_("%(number)s ms", number=format_decimal(round(seconds * 1000))))
    if seconds < 10:  # noqa: PLR2004  short ones with a tenth
        return str(_("%(number)s s", number=format_decimal(round(seconds, 1))))
    parts = [(int(seconds // 86400), _("d")), (int(seconds // 3600 % 24), _("h"))]
    parts += [(int(seconds // 60 % 60), _("min")), (int(seconds % 60), _("s"))]
    first = next((at for at, (number, _unit) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def short_id(value: str | None) -> Markup:
    """Return the start of an id, with the complete id in the tooltip."""
    if not value:
        return Markup('<span class="faint">–</span>')
    short = value if len(value) <= SHORT_ID + 4 else f"{value[:SHORT_ID]}…"
    return Markup('<code class="id" title="{}">{}</code>').format(value, short)


def breakable(value: str) -> Markup:
    """Return a name made of parts, such as an event's kind, that may be broken between them."""
    return Markup("<wbr>").join(re.findall(r"[^._]+[._]*|[._]+", value))


def sentence_of(change: Change, object_name: str = "") -> str:
    """Return an entry of the history as a sentence: an object that it knows by an id has its name, and a short id."""
    name = change.name or ""
    short = name[:SHORT_ID] if _UUID.fullmatch(name) else name
    return sentence(replace(change, name=f"{object_name} ({short})" if object_name else short))


def property_of(name: str) -> str:
    """Return the name of a property, at the beginning of a line."""
    words = str(say(property_name(name)))
    return words[:1].upper() + words[1:]


def number(value: float) -> str:
    """Write a number with the language's separators."""
    return str(format_decimal(value))


def percent(value: float | None) -> str:
    """Write a share, 0 to 1."""
    return "–" if value is None else str(_("%(number)s %%", number=format_decimal(round(value * 100))))


def nothing(value: object) -> Markup:
    """Return a value, or a dash if it is missing."""
    return escape(value) if value not in (None, "") else Markup('<span class="faint">–</span>')


def _relative(age: timedelta) -> str:
    if abs(age) < timedelta(seconds=5):
        return str(_("now"))
    return str(format_timedelta(-age, granularity="second", add_direction=True))
