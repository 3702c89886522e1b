"""The measurements as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def tables(measured: Mapping[str, Any]) -> str:
    """Return a heading and a table for each measured part."""
    lines = [
        f"{measured['machine']}; medians of {measured['rounds']} rounds; load before {measured['load_before']:.1f}"
    ]
    for name, table in TABLES.items():
        if name in measured:
            lines += ["", f"**{name.replace('_', ' ')}**", "", *table(measured[name])]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' if at == 0 else '--:' for at in range(len(head)))}|"
    for row in rows:
        yield f"| {' | '.join(map(_written, row))} |"


def _written(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _case(row: Mapping[str, Any]) -> str:
    distance = f", {row['milliseconds']} ms away" if row["database"] == "postgresql" else ""
    return NAMES[row["database"]] + distance


def _round_trips(measured: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    rows = [(part, who, count) for part, counts in measured.items() for who, count in counts.items()]
    return _table(("request", "of", "round trips"), rows)


def _compared(measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    head = ("database", "", "req/s", "ratio", "p50 ms", "p99 ms", "ratio", "p50 ms of one client")
    return _table(head, [row for case in measured for row in _variants(case)])


def _variants(case: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for name, value in case["measured"].items():
        throughput, p99 = (_ratio(case[f"{kind}_ratio"], name) for kind in ("throughput", "p99"))
        figures = (value["per_second"], throughput, value["p50"], value["p99"], p99, value["p50_alone"])
        yield _case(case), name, *figures


def _ratio(ratios: Any, name: str) -> object:
    if name == "connector":
        return ""
    return ratios[name] if isinstance(ratios, dict) else ratios


def _initiate(measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    head = ("database", "request ms", "Onfido's two calls ms", "the connector's own ms", "floor ms", "own / floor")
    names = ("total", "onfido", "own", "floor", "own_ratio")
    return _table(head, [(_case(each), *(each[name] for name in names)) for each in measured])


def _deliveries(measured: Mapping[str, Any]) -> Iterator[str]:
    delays = {f"start after the commit, {name}, ms": value for name, value in measured["start_delay"].items()}
    rates = {f"deliveries a second, {name}": value for name, value in measured["per_second"].items()}
    return _table(("", ""), [*rates.items(), *delays.items()])


def _scale(measured: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[str]:
    head = ("users", *(f"{name}, {what}" for name in measured for what in ("p50 ms", "ratio")))
    numbers = next(iter(measured.values()))
    rows = [
        (f"{int(number):,}", *(by[number][key] for by in measured.values() for key in ("p50", "ratio")))
        for number in numbers
    ]
    return _table(head, rows)


def _footprint(measured: Mapping[str, Any]) -> Iterator[str]:
    rows = [(name, value) for name, value in measured.items() if isinstance(value, float)]
    rows += [(f"{name}: {what}", value) for name in ("now", "before") for what, value in measured.get(name, {}).items()]
    return _table(("", ""), rows)


def _sizing(measured: Mapping[str, Any]) -> Iterator[str]:
    names = ("per_second", "p50", "p99", "cpu_ms", "database_cpu_ms")
    head = ("processes", "events/s", "p50 ms", "p99 ms", "CPU ms of an event", "PostgreSQL's", "deliveries/s")
    rows = [
        (number, *(each[name] for name in names), measured["worker"][number])
        for number, each in measured["web"].items()
    ]
    yield from _table(head, rows)
    yield ""
    disk = measured["disk"]
    sizes = [(name, *size.values(), sum(size.values())) for name, size in disk["gib_of_a_million"].items()]
    sizes.append(("all", "", "", "", disk["total"]))
    sizes.append(("of it bodies and results", "", "", "", disk["of_it_bodies_and_results"]))
    yield from _table(("GiB of a million verifications", "table", "indexes", "other", "together"), sizes)


def _pruning(measured: Mapping[str, Any]) -> Iterator[str]:
    cycles = ((name, measured[name]) for name in ("first", "middle", "last"))
    rows = [(name, each["slice_s"] * 1000, each["table_mib"], each["indexes_mib"]) for name, each in cycles]
    return _table(("cycle", "a slice, ms", "table MiB", "indexes MiB"), rows)


TABLES: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "round_trips": _round_trips,
    "webhook": _compared,
    "claims": _compared,
    "initiate": _initiate,
    "deliveries": _deliveries,
    "scale": _scale,
    "sizing": _sizing,
    "pruning": _pruning,
    "footprint": _footprint,
}
