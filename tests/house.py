"""Who may know whom: for each room of the house, what its files may import of ours and of third parties.

A room is a package or a file; the longest name that fits counts, so that the stories within `services` are rooms of
their own. What is not listed is forbidden: a new room, like a new library, has to be let in here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "connector"


@dataclass(frozen=True)
class Room:
    """What the files of a room may import beyond the room itself and the standard library."""

    ours: frozenset[str]
    others: frozenset[str]


def room(ours: str = "", others: str = "") -> Room:
    return Room(frozenset(ours.split()), frozenset(others.split()))


_FLOOR = "errors telemetry metrics tracing domain"
_CELLAR = f"{_FLOOR} store directory onfido services"
_LIBRARIES = "sqlalchemy structlog"

HOUSE: Mapping[str, Room] = {
    "": room(),
    "errors": room(),
    "loading": room(),
    "shipped": room(),
    "telemetry": room("errors", "structlog"),
    "metrics": room("errors", "prometheus_client structlog"),
    "tracing": room(others="opentelemetry structlog"),
    "process.metrics_directory": room("private_file"),
    "private_file": room("errors"),
    "process.listening": room("errors"),
    "process.probes": room("metrics"),
    "process": room(),
    "process.startup": room("bootstrap domain services settings", "click structlog"),
    "domain": room("errors"),
    "settings": room("errors domain private_file"),
    "http": room("errors telemetry tracing domain", "certifi requests standardwebhooks structlog urllib3"),
    "onfido": room("errors telemetry metrics tracing domain", "pycountry requests structlog urllib3"),
    "access": room(f"{_FLOOR} http private_file settings", "authlib flask joserfc structlog"),
    "store": room(f"{_FLOOR} private_file", "alembic cryptography psycopg sqlalchemy"),
    "directory": room(f"{_FLOOR} store http shipped", "sqlalchemy structlog"),
    # The use cases, by story: the ground, and what stands on it.
    "services": room(f"{_FLOOR} store directory", _LIBRARIES),
    "services.signing": room(f"{_FLOOR} store services", f"{_LIBRARIES} joserfc"),
    "services.assurance": room(f"{_FLOOR} store services services.signing", _LIBRARIES),
    "services.providers": room(f"{_CELLAR}", _LIBRARIES),
    "services.results": room(f"{_CELLAR} services.providers", _LIBRARIES),
    "services.starting": room(f"{_CELLAR} services.providers services.results", _LIBRARIES),
    "services.lookup": room(f"{_CELLAR} services.providers services.results", _LIBRARIES),
    "services.people": room(f"{_CELLAR} services.providers services.results services.starting", _LIBRARIES),
    "services.application": room(
        f"{_CELLAR} http services.providers services.results services.lookup services.signing", _LIBRARIES
    ),
    "services.jobs": room(f"{_CELLAR} services.providers services.results", _LIBRARIES),
    "services.upkeep": room(f"{_CELLAR} services.providers services.results services.starting", _LIBRARIES),
    "services.openid": room(
        f"{_FLOOR} store services services.assurance services.providers services.starting", _LIBRARIES
    ),
    "services.signals": room(f"{_FLOOR} http store services services.signing", _LIBRARIES),
    "courier": room("errors telemetry services store", _LIBRARIES),
    "relay": room("courier errors telemetry services store", _LIBRARIES),
    # What wires them, and the processes.
    "bootstrap": room(
        f"{_CELLAR} access exports http private_file relay settings services.assurance services.providers "
        "services.results services.signing services.starting services.lookup services.people services.application "
        "services.jobs services.openid services.signals services.upkeep"
    ),
    "exports": room(
        f"{_FLOOR} api store services services.assurance services.results services.lookup services.people "
        "services.application services.jobs",
        "sqlalchemy",
    ),
    "connections": room(f"{_FLOOR} access directory settings"),
    "process.secret_files": room("private_file settings", "structlog"),
    "process.heartbeat": room("errors process.secret_files services settings", "structlog"),
    "installation": room(
        f"{_FLOOR} access bootstrap process.heartbeat http private_file services services.providers settings store",
        "sqlalchemy",
    ),
    "settings_check": room(f"{_FLOOR} bootstrap connections process.heartbeat http installation services settings"),
    "process.reloading": room("errors settings", "structlog"),
    "worker": room(
        "bootstrap errors metrics process.heartbeat process.listening process.probes process.reloading relay services "
        "services.upkeep settings store telemetry tracing",
        "structlog",
    ),
    "api": room(
        f"{_FLOOR} access connections settings private_file services services.providers services.results "
        "services.starting services.lookup services.people services.application services.jobs "
        "services.assurance services.signing services.openid",
        "flask flask_smorest flask_swagger_ui marshmallow sqlalchemy.exc structlog webargs werkzeug",
    ),
    "console": room(
        f"{_FLOOR} access api connections http settings shipped services services.providers services.results "
        "services.starting services.lookup services.people services.application services.assurance services.jobs "
        "services.signing services.openid services.signals",
        "authlib babel flask flask_babel flask_bootstrap flask_wtf joserfc markupsafe structlog werkzeug wtforms",
    ),
    "oidc": room(
        f"{_FLOOR} api console services services.openid services.providers services.signing",
        "authlib flask flask_babel joserfc structlog werkzeug",
    ),
    "signals": room(
        f"{_FLOOR} access api services services.signals services.signing", "flask marshmallow structlog werkzeug"
    ),
    "app": room(f"{_FLOOR} access api bootstrap connections oidc console services settings signals", "flask"),
    "serving": room("telemetry", "gunicorn structlog werkzeug"),
    "server": room(
        "access api app bootstrap domain metrics private_file process.heartbeat process.listening process.reloading "
        "process.startup serving settings telemetry tracing worker",
        "flask gunicorn structlog werkzeug",
    ),
    "cli": room(
        f"{_FLOOR} access api bootstrap loading private_file process.listening process.metrics_directory "
        "process.startup server settings settings_check shipped "
        "simulator worker services services.providers services.results services.lookup services.people "
        "services.application services.jobs services.assurance services.signing services.signals signals",
        "click marshmallow requests sqlalchemy.exc structlog",
    ),
    "simulator": room(others="flask marshmallow requests werkzeug"),
    "__main__": room("cli loading"),
}


def module_of(path: Path) -> str:
    """Return the name of the module in a file: `connector.api.users`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = frozenset(module_of(path) for path in (ROOT / PACKAGE).rglob("*.py"))


def room_of(module: str) -> str | None:
    """Return the room that a module of ours is in; None if it has none."""
    name = module.removeprefix(PACKAGE).lstrip(".")
    fitting = [each for each in HOUSE if name == each or (each and name.startswith(each + "."))]
    return max(fitting, key=len, default=None)


def violations(module: str, tree: ast.Module) -> list[str]:
    """Return what a module imports though its room may not, whatever is imported only for type checkers included."""
    here = room_of(module)
    if here is None:
        return [f"{module} is in no room"]
    return [name for name in imports(tree) if not _is_allowed(name, here)]


def neighbours(tree: ast.Module) -> set[str]:
    """Return the rooms that a file imports from when it runs."""
    return {each for name in imports(tree, at_run_time=True) if _is_ours(name) if (each := room_of(owner(name)))}


def imports(tree: ast.Module, *, at_run_time: bool = False) -> Iterator[str]:
    """Return the names that are imported, as `module.name`; `at_run_time` omits those for type checkers only."""
    for node in _nodes(tree, at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def owner(name: str) -> str:
    """Return the module of ours that an imported name is, or is in."""
    return name if name in MODULES else name.rpartition(".")[0]


def _nodes(tree: ast.AST, *, at_run_time: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node, at_run_time=at_run_time)


def _is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == PACKAGE


def _is_allowed(name: str, here: str) -> bool:
    if name.startswith("."):
        return False  # relative: it hides where it leads
    if _is_ours(name):
        target = room_of(owner(name))
        return target in {here, ""} | HOUSE[here].ours
    top = name.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top == "_typeshed":
        return True
    return any(name == each or name.startswith(each + ".") for each in HOUSE[here].others)
