"""Alerts, dashboard and runbook name existing metrics, and each metric is used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from connector import metrics
from connector.domain.events import REFUSALS
from connector.errors import Code

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "deploy" / "chart" / "monitoring"
RUNBOOK = (ROOT / "deploy" / "README.md").read_text()
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())

OF_THE_DATABASE = {
    "connector_database_up": set[str](),
    "connector_outbox_rows": {"state"},
    "connector_outbox_oldest_due_seconds": {"queue"},
    "connector_sweep_lag_seconds": set[str](),
}
OF_THE_SCRAPE = {"job", "instance", "le"}
SELECTOR = re.compile(r"(connector_[a-z_]+)(?:\{([^}]*)\})?")


def shown() -> dict[str, set[str]]:
    """Return the labels of each series in a scrape."""
    found = dict(OF_THE_DATABASE)
    for each in vars(metrics).values():
        if isinstance(each, Counter | Gauge | Histogram):
            [family] = each.describe()
            labels = set(each._labelnames)
            suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_count", "_sum", "_bucket"]}[family.type]
            found |= {family.name + suffix: labels for suffix in suffixes}
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def family(series: str) -> str:
    return re.sub(r"_(count|sum|bucket)$", "", series)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_queried_series_exists_with_its_labels(expression: str) -> None:
    selectors = SELECTOR.findall(expression)
    assert selectors
    for name, matchers in selectors:
        assert name in shown()
        assert set(re.findall(r"(\w+)(?==~|!=|!~|=)", matchers)) <= shown()[name] | OF_THE_SCRAPE
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        labels = {each.strip() for each in grouped.split(",")}
        assert labels <= set().union(*(shown()[name] for name, _ in selectors)) | OF_THE_SCRAPE


def test_every_metric_is_on_the_dashboard() -> None:
    asked = {
        family(name)
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
        for name, _ in SELECTOR.findall(target["expr"])
    }
    assert {family(name) for name in shown()} == asked


def test_alerts_and_runbook_name_each_other_completely() -> None:
    headings = re.findall(r"^### (Connector\w+)$", RUNBOOK, re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]
    assert [rule["annotations"]["runbook"] for rule in RULES] == [
        f"deploy/README.md#{each.lower()}" for each in headings
    ]


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load((ROOT / "tests" / "deployment" / "alerts_test.yaml").read_text())["tests"]
    fired = {each["alertname"] for test in tests for each in test["alert_rule_test"] if each["exp_alerts"]}
    silent = {each["alertname"] for test in tests for each in test["alert_rule_test"] if not each["exp_alerts"]}
    assert fired == silent == {rule["alert"] for rule in RULES}


def test_named_codes_and_causes_exist() -> None:
    patterns = [each for text in expressions() for each in re.findall(r"OIDV-[\d\[\]-]+", text)]
    assert patterns
    assert all(any(re.fullmatch(pattern, code) for code in Code) for pattern in patterns)
    assert all(f"`{cause}`" in RUNBOOK for cause in REFUSALS)


def test_panels_do_not_overlap_and_have_unique_ids() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
