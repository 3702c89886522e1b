"""Declaring settings as fields of a dataclass, and reading, checking and documenting them.

    TOML table ──────────► read_table ───────┐
    CONNECTOR_<NAME> ────► read_environment ─┴─► values ──► the dataclass (its checks run) ──► Settings
    the fields ──────────► render ──► the documented example

No error repeats a value, because any value may be a secret, possibly in the wrong place.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from connector.domain.frozen import frozen
from connector.domain.numbers import decimal_number, whole_number
from connector.errors import ConfigurationError
from connector.settings.texts import ControlCharacterError, read_text

PREFIX = "CONNECTOR_"
CONFIG_VARIABLE = "CONNECTOR_CONFIG"
_OF_SERVICE = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")
WIDTH = 108

T = TypeVar("T")


def describe(
    sentence: str, check: Callable[[Any], Any] | None = None, *, example: object = None, section: str = ""
) -> dict[str, Any]:
    """Return the metadata of a field; `section` starts a new section in the documented example."""
    return {"sentence": sentence, "check": check, "example": example, "section": section}


def setting(
    default: T,
    sentence: str,
    check: Callable[[Any], Any] | None = None,
    *,
    section: str = "",
    example: object = None,
    is_secret: bool = False,
) -> T:
    """Declare a setting; a secret one is never part of a `repr`."""
    metadata = describe(sentence, check, section=section, example=example)
    return field(default=default, repr=not is_secret, metadata=metadata)


@frozen
class Checked:
    """A dataclass whose values are replaced by the results of its fields' checks."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if check := each.metadata.get("check"):
                try:
                    object.__setattr__(self, each.name, check(getattr(self, each.name)))
                except ValueError as error:
                    raise ConfigurationError(f"{each.name} {error}.") from None

    @classmethod
    def defaults(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the defaults that depend on other values of a table."""
        return {}


class Table(tuple[tuple[str, tuple[str, ...]], ...]):
    """A table of lists of texts, as pairs."""

    __slots__ = ()


def read_table(owner: type[Checked], table: Mapping[str, Any]) -> dict[str, Any]:
    """Read the settings of `owner` from a TOML table; unknown names are refused."""
    kinds = _kinds(owner)
    return {name: _known(name, kinds).read_toml(name, value) for name, value in table.items()}


def read_environment(owner: type[Checked], environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the `CONNECTOR_…` variables; an empty one counts as not set, as compose files and charts write them.

    Kubernetes sets variables with the same prefix for a Service named `connector` or `connector-…`; they are ignored.
    """
    variables = {_variable(name): (name, kind) for name, kind in _kinds(owner).items()}
    values = {}
    for variable in sorted(environ):
        is_ours = variable.startswith(PREFIX) and variable != CONFIG_VARIABLE
        if is_ours and not _is_of_service(variable, environ[variable]):
            name, kind = _known(variable, variables, PREFIX)
            if text := environ[variable]:
                values[name] = kind.read_text(variable, text)
    return values


def _is_of_service(variable: str, value: str) -> bool:
    """Whether Kubernetes has set a variable for a Service: `…_SERVICE_HOST`, `…_PORT_8080_TCP`, `…_PORT=tcp://…`."""
    is_address = variable.endswith("_PORT") and _SERVICE_ADDRESS.match(value) is not None
    return is_address or _OF_SERVICE.fullmatch(variable) is not None


def render(owner: type[Checked]) -> str:
    """Render every setting of `owner` as commented-out TOML with its description, type, variable and default.

    Tables come last, because in TOML everything after their heading belongs to them.
    """
    kinds = _kinds(owner)
    each_last = sorted(_declared(owner), key=lambda each: kinds[each.name].is_table)
    return "\n".join(line for each in each_last for line in _render_setting(each, kinds[each.name]))


@frozen
class _Kind:
    """The reader of values of one type: from TOML, and from the text of a variable.

    `read` and `parse` (which converts text to TOML's value) raise TypeError, ValueError, KeyError or OverflowError.
    """

    title: str
    read: Callable[[Any], Any]
    parse: Callable[[str], Any] = str
    text_title: str = ""
    item: type[Checked] | None = None
    show: Callable[[Any], Any] = lambda value: value
    is_list: bool = False

    @property
    def is_table(self) -> bool:
        return self.item is not None

    def read_toml(self, name: str, value: object) -> Any:
        return _convert(name, self.title, self.read, value)

    def read_text(self, name: str, text: str) -> Any:
        title = self.text_title or self.title
        return _convert(name, title, lambda value: self.read(self.parse(value)), text)


def _convert(name: str, title: str, read: Callable[[Any], Any], value: object) -> Any:
    try:
        return read(value)
    except ControlCharacterError:
        raise ConfigurationError(f"{name} must not contain control characters.") from None
    except (TypeError, ValueError, KeyError, OverflowError):  # not chained: its message may hold the value
        raise ConfigurationError(f"{name} has the wrong type: it must be a {title}.") from None


def _exactly(expected: type[T]) -> Callable[[object], T]:
    def read(value: object) -> T:
        if type(value) is not expected:  # `isinstance` would accept True as an int
            raise TypeError
        return value

    return read


def _read_number(value: object) -> float:
    return value if isinstance(value, float) else float(_exactly(int)(value))


def _read_texts(value: object) -> tuple[str, ...]:
    return tuple(read_text(each) for each in _exactly(list)(value))


def _read_text_or_texts(value: object) -> str | tuple[str, ...]:
    return read_text(value) if isinstance(value, str) else _read_texts(value)


def _read_lists(value: object) -> Table:
    lists = {name: _read_text_or_texts(each) for name, each in _exactly(dict)(value).items()}
    return Table((name, (each,) if isinstance(each, str) else each) for name, each in lists.items())


def _parse_texts(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _parse_flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_KINDS = {
    str: _Kind("text", read_text),
    Path: _Kind("path", lambda value: Path(read_text(value))),
    int: _Kind("whole number", _exactly(int), whole_number),
    float: _Kind("number", _read_number, decimal_number),
    bool: _Kind("flag, true or false", _exactly(bool), _parse_flag),
    tuple[str, ...]: _Kind("list of texts", _read_texts, _parse_texts, "list of texts, separated by commas"),
    str | tuple[str, ...]: _Kind("text or list of texts", _read_text_or_texts, json.loads),
    Table: _Kind("table of texts or lists of texts", _read_lists, json.loads, show=dict),
}


def _kind(type_: Any) -> _Kind:
    if isinstance(type_, type) and issubclass(type_, Checked):
        return _kind_of_table(type_)
    return _KINDS.get(type_) or _kind_of_tables(get_args(type_)[0])


def _kind_of_table(item: type[Checked]) -> _Kind:
    def read(value: object) -> Checked:
        return _read_entry(item, item.__name__.removesuffix("Settings"), _exactly(dict)(value))

    return _Kind("table", read, json.loads, "JSON object", item)


def _kind_of_tables(item: type[Checked]) -> _Kind:
    def read(value: object) -> tuple[Checked, ...]:
        entries = enumerate(_exactly(list)(value), start=1)
        return tuple(_read_entry(item, f"{item.__name__} {at}", _exactly(dict)(entry)) for at, entry in entries)

    return _Kind("list of tables", read, json.loads, "JSON array of objects", item, is_list=True)


def _read_entry(item: type[Checked], place: str, table: Mapping[str, Any]) -> Checked:
    try:
        given = read_table(item, table)  # a misspelt name is reported before missing ones
        _require_all(item, table)
        return item(**{**item.defaults(table), **given})
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.description}") from None


def _require_all(item: type[Checked], table: Mapping[str, Any]) -> None:
    for each in fields(item):
        if each.default is MISSING and each.name not in table:
            raise ConfigurationError(f"{each.name} must be set.")


def _kinds(owner: type[Checked]) -> dict[str, _Kind]:
    types = get_type_hints(owner)
    return {each.name: _kind(types[each.name]) for each in _declared(owner)}


def _declared(owner: type[Checked]) -> Iterator[Field[Any]]:
    return (each for each in fields(owner) if "sentence" in each.metadata)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _known(name: str, known: Mapping[str, T], prefix: str = "") -> T:
    if name in known:
        return known[name]
    stems = [each.removeprefix(prefix) for each in known]  # a common prefix would make any two names look similar
    import difflib  # noqa: PLC0415  only for refused settings

    closest = difflib.get_close_matches(name.removeprefix(prefix), stems, n=1)
    hint = f"; did you mean {prefix}{closest[0]}?" if closest else "."
    raise ConfigurationError(f"There is no setting {name}{hint}")


def _render_setting(each: Field[Any], kind: _Kind) -> Iterator[str]:
    if section := each.metadata["section"]:
        yield f"## {section}\n"
    yield from _comment(each.metadata["sentence"])
    text_title = f" ({kind.text_title})" if kind.text_title else ""
    yield f"# {kind.title.capitalize()}; {_variable(each.name)}{text_title}."
    yield from _render_value(each.name, each, kind)
    yield ""


def _render_value(path: str, each: Field[Any], kind: _Kind) -> Iterator[str]:
    """Render a default; for a table its heading and its members, or those of its example if there is one."""
    if kind.item is None:
        yield _assignment(each.name, each.metadata["example"] if each.default is MISSING else kind.show(each.default))
        return
    yield f"#[[{path}]]" if kind.is_list else f"#[{path}]"
    if example := each.metadata["example"]:
        yield from (_assignment(name, value) for name, value in example.items())
    else:
        yield from _render_members(path, kind.item)


def _render_members(path: str, item: type[Checked]) -> Iterator[str]:
    kinds = _kinds(item)
    for each in sorted(_declared(item), key=lambda each: kinds[each.name].is_table):
        kind = kinds[each.name]
        needed = "required" if each.default is MISSING else "optional"
        yield from _comment(f"{each.metadata['sentence']} {kind.title.capitalize()}, {needed}.")
        yield from _render_value(f"{path}.{each.name}", each, kind)


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, WIDTH, break_long_words=False))


def _assignment(name: str, value: object) -> str:
    return f"#{name} = {json.dumps(value, default=str, ensure_ascii=False)}"
