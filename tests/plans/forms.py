"""The forms of a page, filled by the server, as a browser would post them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

Fields = list[tuple[str, str]]


@dataclass
class FilledForm:
    """A form: where it is posted to, and its fields."""

    action: str
    fields: Fields = field(default_factory=list)

    @property
    def tokens(self) -> list[str]:
        """The token against forged forms."""
        return [value for name, value in self.fields if name == "csrf_token"]


class _Reader(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self.forms: list[FilledForm] = []
        self._is_inside = False
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._area: list[str] | None = None
        self._area_name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = True
            self.forms.append(FilledForm(urlsplit(urljoin(self._path, given.get("action", ""))).path))
        elif self._is_inside and tag == "input":
            self._add_input(given)
        elif tag == "select":
            self._select, self._options = given.get("name", ""), []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area_name, self._area = given.get("name", ""), []

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select" and self._options and self._is_inside:
            chosen = [value for value, is_chosen in self._options if is_chosen] or [self._options[0][0]]
            self.forms[-1].fields += [(self._select, each) for each in chosen]
        elif tag == "textarea" and self._is_inside and self._area is not None:
            self.forms[-1].fields.append((self._area_name, "".join(self._area).removeprefix("\n")))
            self._area = None

    def _add_input(self, given: dict[str, str]) -> None:
        kind, is_chosen = given.get("type", "text"), "checked" in given
        if "name" in given and kind not in ("submit", "file") and (kind not in ("checkbox", "radio") or is_chosen):
            self.forms[-1].fields.append((given["name"], given.get("value", "on")))


def forms_of(path: str, page: str) -> list[FilledForm]:
    """Return the forms of a page that was read at a path."""
    reader = _Reader(path)
    reader.feed(page)
    return reader.forms


def filled(form: FilledForm, changes: dict[str, str]) -> Fields:
    """Return a form's fields with some of them changed."""
    return [each for each in form.fields if each[0] not in changes] + list(changes.items())
