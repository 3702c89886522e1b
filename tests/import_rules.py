"""The imports that are allowed: for each part of the connector, our own parts and the third-party modules.

A part is a package or a file. The longest matching name applies, so that the packages within `services` have rules of
their own. Anything that is not listed is forbidden: a new part, like a new library, has to be added here.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "connector"


@dataclass(frozen=True)
class Allowed:
    """The modules that the files of a part may import beyond the part itself and the standard library."""

    ours: frozenset[str]
    others: frozenset[str]


def allow(ours: str = "", others: str = "") -> Allowed:
    return Allowed(frozenset(ours.split()), frozenset(others.split()))


_BASE = "errors telemetry metrics tracing domain"
_BELOW_SERVICES = f"{_BASE} store directory onfido services"
_LIBRARIES = "sqlalchemy structlog"
_IMPORTING = ("import_module", "__import__")
_UNKNOWN = "a module whose name is computed"

ALLOWED: Mapping[str, Allowed] = {
    "": allow(),
    "errors": allow(),
    "loading": allow(),
    "shipped": allow(),
    "telemetry": allow("errors", "structlog"),
    "metrics": allow("errors", "prometheus_client structlog"),
    "tracing": allow(others="opentelemetry structlog"),
    "process.metrics_directory": allow("private_file"),
    "private_file": allow("errors"),
    "process.listening": allow("errors"),
    "process.probes": allow("metrics", "structlog"),
    "process": allow(),
    "process.startup": allow("bootstrap domain services settings", "click structlog"),
    "domain": allow("errors"),
    "settings": allow("errors domain private_file"),
    "http": allow("errors telemetry tracing domain http.sockets", "requests standardwebhooks structlog urllib3"),
    "http.sockets": allow("errors domain", "certifi"),
    "onfido": allow("errors telemetry metrics tracing domain http.sockets", "certifi pycountry structlog urllib3"),
    "access": allow(f"{_BASE} http private_file settings", "authlib flask joserfc structlog"),
    "store": allow(f"{_BASE} private_file", "alembic cryptography psycopg sqlalchemy"),
    "directory": allow(f"{_BASE} store http shipped", "sqlalchemy structlog"),
    # The use cases, by story; the shared modules first.
    "services": allow(f"{_BASE} store directory", _LIBRARIES),
    "services.signing": allow(f"{_BASE} store services", f"{_LIBRARIES} joserfc"),
    "services.assurance": allow(f"{_BASE} store services services.signing", _LIBRARIES),
    "services.providers": allow(f"{_BELOW_SERVICES}", _LIBRARIES),
    "services.results": allow(f"{_BELOW_SERVICES} services.providers", _LIBRARIES),
    "services.starting": allow(f"{_BELOW_SERVICES} services.providers services.results", _LIBRARIES),
    "services.lookup": allow(f"{_BELOW_SERVICES} services.providers services.results", _LIBRARIES),
    "services.people": allow(f"{_BELOW_SERVICES} services.providers services.results services.starting", _LIBRARIES),
    "services.application": allow(
        f"{_BELOW_SERVICES} http services.providers services.results services.lookup services.signing", _LIBRARIES
    ),
    "services.jobs": allow(f"{_BELOW_SERVICES} services.providers services.results", _LIBRARIES),
    "services.upkeep": allow(f"{_BELOW_SERVICES} services.providers services.results services.starting", _LIBRARIES),
    "services.openid": allow(
        f"{_BASE} store services services.assurance services.providers services.starting", _LIBRARIES
    ),
    "services.signals": allow(f"{_BASE} http store services services.signing", _LIBRARIES),
    "courier": allow("errors telemetry services store", _LIBRARIES),
    "relay": allow("courier errors telemetry services store", _LIBRARIES),
    # The wiring, and the processes.
    "bootstrap": allow(
        f"{_BELOW_SERVICES} access exports http private_file relay settings services.assurance services.providers "
        "services.results services.signing services.starting services.lookup services.people services.application "
        "services.jobs services.openid services.signals services.upkeep"
    ),
    "exports": allow(
        f"{_BASE} api store services services.assurance services.results services.lookup services.people "
        "services.application services.jobs",
        "sqlalchemy",
    ),
    "connections": allow(f"{_BASE} access directory settings"),
    "process.secret_files": allow("private_file settings", "structlog"),
    "process.heartbeat": allow("errors process.secret_files services settings", "structlog"),
    "installation": allow(
        f"{_BASE} access bootstrap process.heartbeat http private_file services services.providers settings store",
        "sqlalchemy",
    ),
    "settings_check": allow(f"{_BASE} bootstrap connections process.heartbeat http installation services settings"),
    "process.reloading": allow("errors settings", "structlog"),
    "worker": allow(
        "bootstrap errors metrics process.heartbeat process.listening process.probes process.reloading relay services "
        "services.upkeep settings store telemetry tracing",
        "structlog",
    ),
    "api": allow(
        f"{_BASE} access connections settings private_file services services.providers services.results "
        "services.starting services.lookup services.people services.application services.jobs "
        "services.assurance services.signing services.openid",
        "flask flask_smorest flask_swagger_ui marshmallow sqlalchemy.exc structlog webargs werkzeug",
    ),
    "console": allow(
        f"{_BASE} access api connections http settings shipped services services.providers services.results "
        "services.starting services.lookup services.people services.application services.assurance services.jobs "
        "services.signing services.openid services.signals",
        "authlib babel flask flask_babel flask_bootstrap flask_wtf joserfc markupsafe structlog werkzeug wtforms",
    ),
    "oidc": allow(
        f"{_BASE} api console services services.openid services.providers services.signing",
        "authlib flask flask_babel joserfc structlog werkzeug",
    ),
    "signals": allow(
        f"{_BASE} access api services services.signals services.signing", "flask marshmallow structlog werkzeug"
    ),
    "app": allow(f"{_BASE} access api bootstrap connections oidc console pages services settings signals", "flask"),
    "pages": allow(others="flask"),
    "serving": allow("telemetry", "gunicorn structlog werkzeug"),
    "server": allow(
        "access api app bootstrap domain metrics private_file process.heartbeat process.listening process.reloading "
        "process.startup serving settings telemetry tracing worker",
        "flask gunicorn structlog",
    ),
    "cli": allow(
        f"{_BASE} access api bootstrap loading private_file process.listening process.metrics_directory "
        "process.startup server settings settings_check shipped "
        "simulator worker services services.providers services.results services.lookup services.people "
        "services.application services.jobs services.assurance services.signing services.signals signals",
        "click marshmallow requests sqlalchemy.exc structlog",
    ),
    "simulator": allow(others="flask marshmallow requests werkzeug"),
    "__main__": allow("cli loading"),
}


def module_of(path: Path) -> str:
    """Return the name of the module in a file: `connector.api.users`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = frozenset(module_of(path) for path in (ROOT / PACKAGE).rglob("*.py"))


def part_of(module: str) -> str | None:
    """Return the part that a module of ours belongs to; None if there is none."""
    name = module.removeprefix(PACKAGE).lstrip(".")
    fitting = [each for each in ALLOWED if name == each or (each and name.startswith(each + "."))]
    return max(fitting, key=len, default=None)


def violations(module: str, tree: ast.Module) -> list[str]:
    """Return the forbidden imports of a module, including those for type checkers only."""
    here = part_of(module)
    if here is None:
        return [f"{module} belongs to no part"]
    return [name for name in imports(tree) if not _is_allowed(name, here)]


def imported_parts(tree: ast.Module) -> set[str]:
    """Return the parts that a file imports from when it runs."""
    return {each for name in imports(tree, at_run_time=True) if _is_ours(name) if (each := part_of(owner(name)))}


def imports(tree: ast.Module, *, at_run_time: bool = False) -> Iterator[str]:
    """Return the names that are imported, as `module.name`; `at_run_time` omits those for type checkers only."""
    for node in _nodes(tree, at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and last_name(node.func) in _IMPORTING and node.args:
            yield _named(node.args[0])


def _named(argument: ast.expr) -> str:
    """Return the module that a call imports: its name, or the beginning of one that is put together."""
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) and argument.values else argument
    name = first.value if isinstance(first, ast.Constant) else None
    return name.rstrip(".") if isinstance(name, str) else _UNKNOWN


def owner(name: str) -> str:
    """Return our module that an imported name is or belongs to."""
    return name if name in MODULES else name.rpartition(".")[0]


@functools.cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a syntax tree, which many rules read."""
    return tuple(ast.walk(tree))


def last_name(expression: ast.expr) -> str | None:
    """Return the name at the end of a dotted name; None for any other expression."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else None


def _nodes(tree: ast.AST, *, at_run_time: bool) -> Iterator[ast.AST]:
    omitted = {
        inner
        for node in nodes(tree)
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    return (node for node in nodes(tree) if node not in omitted)


def _is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == PACKAGE


def _is_allowed(name: str, here: str) -> bool:
    if name.startswith("."):
        return False  # relative: it hides where it leads
    if _is_ours(name):
        target = part_of(owner(name))
        return target in {here, ""} | ALLOWED[here].ours
    top = name.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top == "_typeshed":
        return True
    return any(name == each or name.startswith(each + ".") for each in ALLOWED[here].others)
