from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator

Json = dict[str, Any]
NewRun = Callable[..., Json]


def run_at(simulator: Simulator, http: requests.Session, run: Json) -> Json:
    found: Json = http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=5).json()
    return found


def test_the_page_names_the_person_and_the_status_and_labels_every_field(
    http: requests.Session, new_run: NewRun
) -> None:
    page = http.get(new_run(address={"postcode": "SW1", "country": "GBR"})["link"]["url"], timeout=5).text
    assert "Ada Lovelace" in page
    assert "awaiting input" in page
    fields = re.findall(r'<select id="([^"]+)"', page)
    assert fields == [
        *("status", "comparison-first_name", "comparison-last_name"),
        *("comparison-date_of_birth", "comparison-address"),
    ]
    assert fields == re.findall(r'<label for="([^"]+)"', page)
    assert not re.findall(r'(?:src|href)="https?:', page)


def test_submitting_approves_and_the_page_says_so(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    page = http.post(run["link"]["url"], data={"action": "submit"}, timeout=5)
    assert page.status_code == 200
    assert "The verification was approved." in page.text
    assert "<form" not in page.text
    assert run_at(simulator, http, run)["status"] == "approved"


def test_abandoning_ends_the_run_with_nothing_compared(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    page = http.post(run["link"]["url"], data={"action": "abandon"}, timeout=5)
    assert "The verification was abandoned." in page.text
    assert "Nothing was compared." in page.text
    assert run_at(simulator, http, run)["status"] == "abandoned"


def test_a_result_is_chosen_attribute_by_attribute(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    form = {
        "action": "choose",
        "status": "review",
        "comparison.first_name": "consider",
        "comparison.last_name": "unidentified",
        "comparison.date_of_birth": "not_compared",
    }
    page = http.post(run["link"]["url"], data=form, timeout=5)
    ended = run_at(simulator, http, run)
    assert "not compared" in page.text
    assert ended["status"] == "review"
    assert {key: value["result"] for key, value in ended["output"]["data_comparison"]["breakdown"].items()} == {
        "first_name": "consider",
        "last_name": "unidentified",
        "date_of_birth": None,
    }


@pytest.mark.parametrize(
    "form", [{"status": ""}, {}, {"status": "approved", "comparison.first_name": "<b>"}], ids=["blank", "none", "odd"]
)
def test_a_form_that_means_nothing_is_refused_on_a_page(
    simulator: Simulator, http: requests.Session, new_run: NewRun, form: dict[str, str]
) -> None:
    run = new_run()
    answer = http.post(run["link"]["url"], data={"action": "choose"} | form, timeout=5)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("text/html")
    assert run_at(simulator, http, run)["status"] == "awaiting_input"


def test_a_second_choice_comes_too_late(http: requests.Session, new_run: NewRun) -> None:
    url = new_run()["link"]["url"]
    http.post(url, data={"action": "abandon"}, timeout=5)
    answer = http.post(url, data={"action": "submit"}, timeout=5)
    assert answer.status_code == 409
    assert "has ended already" in answer.text


def test_values_are_escaped(simulator: Simulator, http: requests.Session, new_run: NewRun) -> None:
    run = new_run(first_name="Tom & 'Jerry'")
    status = "<script>alert(1)</script>"
    http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"status": status}, timeout=5)
    for url in (run["link"]["url"], simulator.url):
        page = http.get(url, timeout=5).text
        assert "Tom &amp; &#39;Jerry&#39;" in page
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_the_way_back_is_offered_once_the_run_has_ended(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    first = new_run()
    body = {
        "workflow_id": first["workflow_id"],
        "applicant_id": first["applicant_id"],
        "link": {"completed_redirect_url": "https://example.org/?a=1&b=2"},
    }
    run = http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=5).json()
    assert "example.org" not in http.get(run["link"]["url"], timeout=5).text
    assert 'href="https://example.org/?a=1&amp;b=2"' in http.post(run["link"]["url"], timeout=5).text


def test_the_index_lists_runs_and_switches_without_a_token(
    simulator: Simulator, new_run: NewRun, set_faults: Callable[..., Json]
) -> None:
    run = new_run()
    set_faults(webhooks_lost=3)
    page = requests.get(simulator.url, timeout=5).text
    assert f'href="/link/{run["id"]}"' in page
    assert "no data leaves this machine" in page
    assert re.search(r'class="changed"><td><code>webhooks_lost</code></td><td><code>3</code>', page)
    assert len(re.findall('class="changed"', page)) == 1


def test_an_unknown_run_has_a_page_that_says_so(simulator: Simulator) -> None:
    answer = requests.get(f"{simulator.url}/link/nobody", timeout=5)
    assert answer.status_code == 404
    assert "There is no such workflow run" in answer.text
