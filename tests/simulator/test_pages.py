from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from connector.simulator.server import Simulator

Json = dict[str, Any]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]


def run_at(simulator: Simulator, http: requests.Session, run: Json) -> Json:
    found: Json = http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=60).json()
    return found


def test_the_page_names_the_person_and_the_status_and_labels_every_field(
    http: requests.Session, new_run: NewRun
) -> None:
    page = http.get(new_run(address={"postcode": "SW1", "country": "GBR"})["link"]["url"], timeout=60).text
    assert "Ada Lovelace" in page
    assert "awaiting input" in page
    fields = re.findall(r'<select id="([^"]+)"', page)
    assert fields == [
        *("status", "comparison-first_name", "comparison-last_name"),
        *("comparison-date_of_birth", "comparison-address"),
    ]
    assert fields == re.findall(r'<label for="([^"]+)"', page)
    assert not re.findall(r'(?:src|href)="https?:', page)


def test_submitting_approves_and_the_page_shows_it(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    page = http.post(run["link"]["url"], data={"action": "submit"}, timeout=60)
    assert page.status_code == 200
    assert "The verification was approved." in page.text
    assert "<form" not in page.text
    assert run_at(simulator, http, run)["status"] == "approved"


def test_abandoning_ends_the_run_without_comparisons(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    page = http.post(run["link"]["url"], data={"action": "abandon"}, timeout=60)
    assert "The verification was abandoned." in page.text
    assert "Nothing was compared." in page.text
    assert run_at(simulator, http, run)["status"] == "abandoned"


def test_results_are_chosen_by_attribute(simulator: Simulator, http: requests.Session, new_run: NewRun) -> None:
    run = new_run()
    form = {
        "action": "choose",
        "status": "review",
        "comparison.first_name": "consider",
        "comparison.last_name": "unidentified",
        "comparison.date_of_birth": "not_compared",
    }
    page = http.post(run["link"]["url"], data=form, timeout=60)
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
def test_an_invalid_form_is_refused_on_a_page(
    simulator: Simulator, http: requests.Session, new_run: NewRun, form: dict[str, str]
) -> None:
    run = new_run()
    answer = http.post(run["link"]["url"], data={"action": "choose"} | form, timeout=60)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("text/html")
    assert run_at(simulator, http, run)["status"] == "awaiting_input"


def test_a_second_choice_is_refused(http: requests.Session, new_run: NewRun) -> None:
    url = new_run()["link"]["url"]
    http.post(url, data={"action": "abandon"}, timeout=60)
    answer = http.post(url, data={"action": "submit"}, timeout=60)
    assert answer.status_code == 409
    assert "has ended already" in answer.text


def test_the_dashboard_link_opens_the_run_for_a_reviewer(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_run()
    url = run_at(simulator, http, run)["dashboard_url"]
    page = http.get(url, timeout=60).text
    for shown in ("Ada Lovelace", "awaiting input", run["id"], run["applicant_id"], f"/link/{run['id']}"):
        assert shown in page
    http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"status": "declined"}, timeout=60)
    page = unescape(http.get(url, timeout=60).text)
    for shown in ("declined", '"data_comparison"', "document_check"):
        assert shown in page
    assert f"/link/{run['id']}" not in page, "there is nothing left for the user to do"
    assert run["sdk_token"] not in page


def test_the_dashboard_shows_a_run_with_an_expired_link_and_no_other(
    simulator: Simulator, http: requests.Session, new_run: NewRun
) -> None:
    run = new_short_run(simulator, http, new_run())
    url = f"{simulator.url}/runs/{run['id']}"
    wait_for(run["link"]["expires_at"])
    assert http.get(url, timeout=60).status_code == 200
    assert f"/link/{run['id']}" not in http.get(url, timeout=60).text
    unknown = http.get(f"{simulator.url}/runs/no-run", timeout=60)
    assert unknown.status_code == 404
    assert unknown.headers["Content-Type"].startswith("text/html")


def test_values_are_escaped(simulator: Simulator, http: requests.Session, new_run: NewRun) -> None:
    run = new_run(first_name="Tom & 'Jerry'")
    status = "<script>alert(1)</script>"
    http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json={"status": status}, timeout=60)
    for url in (run["link"]["url"], run["dashboard_url"], simulator.url):
        page = http.get(url, timeout=60).text
        assert "Tom &amp; &#39;Jerry&#39;" in page
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_the_link_back_is_offered_after_the_run_has_ended(http: requests.Session, new_run: NewRun) -> None:
    run = new_run(link={"completed_redirect_url": "https://example.org/?a=1&b=2"})
    assert "example.org" not in http.get(run["link"]["url"], timeout=60).text
    http.post(run["link"]["url"], timeout=60, allow_redirects=False).raise_for_status()
    assert 'href="https://example.org/?a=1&amp;b=2"' in http.get(run["link"]["url"], timeout=60).text


def test_a_user_who_completes_is_redirected_and_one_who_abandons_is_not(
    http: requests.Session, new_run: NewRun
) -> None:
    for action, place in (("submit", "https://example.org/done"), ("abandon", None)):
        url = new_run(link={"completed_redirect_url": "https://example.org/done"})["link"]["url"]
        answer = http.post(url, data={"action": action}, timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, place or urlsplit(url).path)


def new_short_run(simulator: Simulator, http: requests.Session, like: Json, **link: str) -> Json:
    """Start a run with a link that has expired on its creation."""
    for seconds in (0.1, 1, 10):
        link["expires_at"] = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        body = {"workflow_id": like["workflow_id"], "applicant_id": like["applicant_id"], "link": link}
        answer = http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60)
        if answer.status_code == 201:
            break
    run: Json = answer.json()
    return run


def wait_for(moment: str) -> None:
    time.sleep(max(0.0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()))


def test_a_link_is_valid_until_it_expires(http: requests.Session, new_run: NewRun) -> None:
    link = {"expires_at": "2999-12-31T23:59:59Z", "expired_redirect_url": "https://example.org/late"}
    answer = http.get(new_run(link=link)["link"]["url"], timeout=60, allow_redirects=False)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_link_opens_another_page_and_accepts_no_result(
    simulator: Simulator, http: requests.Session, new_run: NewRun, method: str
) -> None:
    run = new_short_run(simulator, http, new_run(), expired_redirect_url="https://example.org/late")
    dead_end = new_short_run(simulator, http, run)
    wait_for(dead_end["link"]["expires_at"])

    answer = http.request(method, run["link"]["url"], timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://example.org/late")
    answer = http.request(method, dead_end["link"]["url"], timeout=60)
    assert (answer.status_code, "The link has expired" in answer.text) == (410, True)
    assert run_at(simulator, http, run)["status"] == "awaiting_input"


def test_open_tasks_are_listed_completed_and_decided_on_pages(
    simulator: Simulator, http: requests.Session, new_run: NewRun, put_workflow: Callable[..., Json]
) -> None:
    schema = {"name": "string", "is_known": "boolean", "score": "number", "lists": "list", "at": "date_time"}
    put_workflow(
        tasks=[
            {"task_def_id": "score", "input": {"why": "</pre><script>"}, "output_schema": schema},
            {"task_def_id": "manual_case_review"},
        ]
    )
    run = new_run()
    assert "<textarea" not in http.get(simulator.url, timeout=60).text

    page = http.post(run["link"]["url"], data={"action": "submit"}, timeout=60).text
    assert "awaiting client input" in page
    for shown in (page, http.get(simulator.url, timeout=60).text):
        assert "&lt;script&gt;" in shown
        assert "<script" not in shown
        assert re.search(r'<label [^>]*for="(data-score_[0-9]+)">[^<]+</label>\s*<textarea id="\1"', shown)
    assert http.post(simulator.url + action_in(page), data={"data": "{"}, timeout=60).status_code == 400
    assert http.post(simulator.url + action_in(page), data={"data": '{"score": 1}'}, timeout=60).status_code == 422
    page = http.post(simulator.url + action_in(page), data={"data": data_in(page)}, timeout=60).text
    assert "processing" in page
    page = http.post(simulator.url + action_in(page), data={"decision": "declined"}, timeout=60).text
    assert "The verification was declined." in page
    assert run_at(simulator, http, run)["status"] == "declined"


def action_in(page: str) -> str:
    found = re.search(r'action="([^"]+)"', page)
    assert found
    return found[1]


def data_in(page: str) -> str:
    found = re.search(r"<textarea[^>]*>([^<]*)<", page)
    assert found
    return unescape(found[1])


def test_a_task_that_opened_after_the_link_expired_is_completed_from_the_index(
    simulator: Simulator, http: requests.Session, new_run: NewRun, end_run: EndRun, put_workflow: Callable[..., Json]
) -> None:
    put_workflow(tasks=[{"task_def_id": "score"}])
    run = new_short_run(simulator, http, new_run(), expired_redirect_url="https://example.org/late")
    end_run(run)
    wait_for(run["link"]["expires_at"])
    action = action_in(http.get(simulator.url, timeout=60).text)
    answer = http.post(simulator.url + action, data={"data": "{}"}, timeout=60)
    assert answer.status_code == 200
    assert "Open tasks" not in answer.text
    assert run_at(simulator, http, run)["status"] == "approved"


def test_the_index_lists_runs_and_switches_without_a_token(
    simulator: Simulator, new_run: NewRun, set_faults: Callable[..., Json]
) -> None:
    run = new_run()
    set_faults(webhooks_lost=3)
    page = requests.get(simulator.url, timeout=60).text
    assert f'href="/link/{run["id"]}"' in page
    assert "no data leaves this machine" in page
    assert re.search(r'class="changed"><td class="first"><code>webhooks_lost</code></td><td><code>3</code>', page)
    assert len(re.findall('class="changed"', page)) == 1


def test_an_unknown_run_has_an_error_page(simulator: Simulator) -> None:
    answer = requests.get(f"{simulator.url}/link/nobody", timeout=60)
    assert answer.status_code == 404
    assert "There is no such workflow run" in answer.text
