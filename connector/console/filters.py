"""Filters of a list: chips above it, all of them in the address, so that a list can be shared and bookmarked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from connector.domain.frozen import frozen

MOST_TRIED = 4  # filters, each with a query of its own, when nothing matches


@frozen
class Choice:
    """A filter with a fixed set of values; with `is_several`, more than one of them can be chosen."""

    name: str
    label: str
    options: Mapping[str, str]
    is_several: bool = False


@frozen
class Chip:
    """A filter that is set, as the list shows it; `url` is the list without it."""

    label: str
    text: str
    url: str


class Filters:
    """The filters of a list, as the request's query sets them; unknown values are ignored.

    `text` are filters with free text, such as a user's id; `dates` those with a day. `needed` has, for a filter that is
    not applied alone, the one that it needs.
    """

    def __init__(
        self,
        *choices: Choice,
        text: Mapping[str, str] | None = None,
        dates: Mapping[str, str] | None = None,
        needed: Mapping[str, str] | None = None,
    ) -> None:
        self.choices = choices
        self.text = dict(text or {})
        self.dates = dict(dates or {})
        self.needed = dict(needed or {})
        self._query: MultiDict[str, str] = request.args

    def values(self, name: str) -> list[str]:
        """Return the values of a filter that allows several."""
        options = next((each.options for each in self.choices if each.name == name), None)
        given = (value.strip() for value in self._query.getlist(name))
        return [value for value in dict.fromkeys(given) if value and (options is None or value in options)]

    def value(self, name: str) -> str | None:
        """Return the value of a filter; None if it is not set."""
        return next(iter(self.values(name)), None)

    @property
    def is_set(self) -> bool:
        """Whether any filter is set."""
        return bool(self.chips)

    @property
    def chips(self) -> list[Chip]:
        """The filters that are set."""
        return list(self._chips())

    @property
    def query(self) -> dict[str, list[str]]:
        """The filters that are set, as a query; it holds no other name of the request's, which may be any."""
        return {name: values for name in self._names() if (values := self.values(name))}

    def url(self, **changes: str | list[str] | None) -> str:
        """Return the first page of the list with some filters changed; None removes a filter."""
        changed = {name: [value] if isinstance(value, str) else value or [] for name, value in changes.items()}
        given = {name: values for name, values in {**self.query, **changed}.items() if values}
        return url_for(request.endpoint or "", **{**(request.view_args or {}), **given})

    def to_drop(self, is_any: Callable[[Filters], bool]) -> list[Chip]:
        """Return the filters without one of which the list has rows; `is_any` tells so of a list."""
        names = [name for name in self.query if name not in self.needed]
        return [self._chip_of(name) for name in names[:MOST_TRIED] if is_any(self._without(name))]

    def page_url(self, cursor: str | None) -> str | None:
        """Return the address of the next page; None if there is none."""
        return None if cursor is None else self.url(cursor=cursor)

    @property
    def cursor(self) -> str | None:
        """The requested page; None for the first."""
        return self._query.get("cursor") or None

    def _dropped(self, name: str) -> list[str]:
        return [name, *(each for each, needed in self.needed.items() if needed == name)]

    def _without(self, name: str) -> Filters:
        others = Filters(*self.choices, text=self.text, dates=self.dates, needed=self.needed)
        dropped = (*self._dropped(name), "cursor")
        others._query = MultiDict([each for each in self._query.items(multi=True) if each[0] not in dropped])
        return others

    def _chip_of(self, name: str) -> Chip:
        """Return one chip for all values of a filter."""
        options = next((each.options for each in self.choices if each.name == name), {})
        texts = [str(options.get(value, value)) for value in self.values(name)]
        return Chip(self._labels[name], ", ".join(texts), self.url(**dict.fromkeys(self._dropped(name))))

    @property
    def _labels(self) -> Mapping[str, str]:
        return {each.name: each.label for each in self.choices} | self.text | self.dates

    def _names(self) -> list[str]:
        return [*(each.name for each in self.choices), *self.text, *self.dates]

    def _chips(self) -> Iterator[Chip]:
        labels = self._labels
        options = {each.name: each.options for each in self.choices}
        for name in self._names():
            values = self.values(name)
            for value in values:
                others = [each for each in values if each != value]
                yield Chip(labels[name], str(options.get(name, {}).get(value, value)), self.url(**{name: others}))
