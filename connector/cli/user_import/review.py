"""Refusals and warnings about a file, before anything is written."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from connector.cli.user_import.entries import Entry
from connector.domain.frozen import frozen
from connector.domain.providers.applicant import is_day
from connector.domain.providers.provider import Provider
from connector.domain.providers.verifiability import form_of, used_claims

SHOWN = 20  # the maximum number of displayed objections
DAY = "dob"  # the applicant field that is a date


@frozen
class Expected:
    """The used claims, and which of them are dates; `where` names their source."""

    claims: Collection[str]
    dates: Collection[str]
    where: str

    @classmethod
    def of(cls, providers: Iterable[Provider], dialects: Mapping[str, Mapping[str, str]]) -> Expected:
        """Return the claims used by the tenant's providers, or without any, those in the included dialects."""
        mappings = [each.claims for each in providers]
        known = used_claims(providers) or frozenset(uri for each in dialects.values() for uri in each)
        fields = ((uri, name) for each in (*mappings, *dialects.values()) for uri, name in each.items())
        dates = frozenset(uri for uri, name in fields if name == DAY)
        return cls(known, dates, "no provider of the tenant uses it" if mappings else "no claim dialect has it")


@dataclass
class Review:
    """The result of reviewing a whole file."""

    users: int = 0
    refused: int = 0
    objections: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    dates: Counter[str] = field(default_factory=Counter)
    first_dates: dict[str, str] = field(default_factory=dict)

    def add(self, entry: Entry, expected: Expected) -> None:
        """Add an entry to the summary."""
        self.users += 1
        self.columns.update(entry.values)
        if entry.objections:
            self.refused += 1
            self.objections += entry.objections[: SHOWN - len(self.objections)]
        for uri, value in entry.values.items():
            if uri in expected.dates and value and not is_day(value):
                self.dates[uri] += 1
                self.first_dates.setdefault(uri, f"{entry.where}: {form_of(value)}")

    def warnings(self, expected: Expected) -> Iterator[str]:
        """Return the columns that are imported but not used."""
        for uri in sorted(self.columns - set(expected.claims)):
            closest = difflib.get_close_matches(uri, sorted(expected.claims), n=1, cutoff=0.8)
            hint = f" (did you mean {closest[0]}?)" if closest else ""
            yield f"column {uri}: {expected.where}{hint}"
        for uri, number in sorted(self.dates.items()):
            values = "1 value is" if number == 1 else f"{number:,} values are"
            yield (
                f"column {uri}: {values} not of the form 9999-99-99 (first in {self.first_dates[uri]}); "
                "must be dates such as 1990-01-31: Onfido refuses others"
            )


def review(entries: Iterable[Entry], expected: Expected) -> Review:
    """Review every entry of a file."""
    result = Review()
    for entry in entries:
        result.add(entry, expected)
    return result
