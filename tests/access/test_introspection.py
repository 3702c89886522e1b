"""Opaque tokens: the issuers that introspect them, the cached answers, and outages."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from connector.access.answers import Answer, Answers
from connector.access.introspection import DEFAULT_TURNS
from connector.cli import main
from connector.errors import ConfigurationError
from connector.settings import Issuer, load
from tests.access.asked import CLIENT_ID, SECRET, Asked
from tests.api.test_auth import DAY, AuthIssuer, Site
from tests.waiting import wait_until


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.setenv("AS_SECRET", SECRET)
    running = Asked()
    yield running
    running.close()


def table(asked: Asked, **changes: Any) -> dict[str, Any]:
    return {
        "issuer": asked.identifier,
        "audience": "connector",
        "token_format": "opaque",
        "client_id": CLIENT_ID,
        "client_secret": "env:AS_SECRET",
    } | changes


def read(*tables: dict[str, Any]) -> tuple[Issuer, ...]:
    return load(None, {"CONNECTOR_ISSUERS": json.dumps(tables)}).issuers


def site_of(asked: Asked, **changes: Any) -> Site:
    return Site(*read(table(asked, **changes)))


def refusal(site: Site, token: str) -> str:
    with capture_logs() as logs:
        assert site.get(token).status_code == 401
    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    assert token not in str(logs)
    return str(line["check"])


class TestAnswers:
    def test_an_active_token_is_accepted(self, asked: Asked) -> None:
        answer = site_of(asked).get(asked.issue("opaque-1"))
        assert answer.get_json() == {
            "subject": "ann",
            "client_id": "shop",
            "scopes": ["internal_idvp_view"],
            "tenant": "carbon.super",
            "actor": f"ann [shop@{asked.identifier}]",
        }

    @pytest.mark.parametrize("changes", [{"iss": None, "nbf": None}, {"exp": ...}, {"iat": ..., "token_type": ...}])
    def test_members_that_rfc_7662_makes_optional_may_be_missing(self, changes: dict[str, Any], asked: Asked) -> None:
        assert site_of(asked).get(asked.issue("opaque-1", **changes)).status_code == 200

    def test_an_answer_without_a_user_is_a_client_token(self, asked: Asked) -> None:
        token = asked.issue("opaque-1", sub=...)
        for claim in ("sub", "uid"):
            assert site_of(asked, subject_claim=claim).get(token).get_json()["subject"] == "shop"

    @pytest.mark.parametrize(
        ("changes", "check"),
        [
            ({"active": False}, "active"),
            ({"aud": "another"}, "aud"),
            ({"aud": ...}, "aud"),
            ({"sub": ..., "username": "ann"}, "sub"),
            ({"sub": ..., "client_id": ...}, "sub"),
            ({"sub": 7}, "sub"),
            ({"exp": time.time() - 60.5}, "exp"),
            ({"exp": "9999999999"}, "exp"),
            ({"exp": -(10**400)}, "exp"),
            ({"exp": float("nan")}, "exp"),
            ({"nbf": 10**400}, "nbf"),
            ({"iat": 10**400}, "iat"),
            ({"nbf": time.time() + DAY}, "nbf"),
            ({"iat": time.time() + DAY}, "iat"),
            ({"iss": "https://elsewhere.example.com"}, "iss"),
            ({"token_type": "refresh_token"}, "use"),
            ({"token_type": "DPoP"}, "use"),
            ({"token_type": ["Bearer"]}, "use"),
            ({"token_use": "refresh_token"}, "use"),
            ({"typ": "ID"}, "use"),
            ({"at_hash": "a"}, "use"),
            ({"nonce": "n"}, "use"),
        ],
    )
    def test_a_claim_of_the_answer_that_is_wrong_is_named(
        self, changes: dict[str, Any], check: str, asked: Asked
    ) -> None:
        assert refusal(site_of(asked), asked.issue("opaque-1", **changes)) == check

    def test_an_unknown_token_is_refused_and_not_repeated(self, asked: Asked) -> None:
        answer = site_of(asked).get("unknown-token")
        assert "not active" in answer.get_json()["description"]
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.parametrize("token", ["", "ä", "a b", "a%00b", "\x00", "a" * 16_385, "a=b"])
    def test_the_issuer_is_not_asked_about_a_malformed_token(self, token: str, asked: Asked) -> None:
        assert site_of(asked).get(token).status_code == 401
        assert asked.requests == []

    @pytest.mark.parametrize("error", ["unsupported_token_type", "invalid_token"])
    def test_an_error_answer_about_an_unknown_token_is_a_refusal(self, error: str, asked: Asked) -> None:
        asked.status, asked.body = 400, json.dumps({"error": error}).encode()
        assert refusal(site_of(asked), "opaque-1") == "active"

    def test_scopes_user_and_audience_are_read_as_in_a_jwt(self, asked: Asked) -> None:
        settings = {
            "audience": ["shop", "bank"],
            "audience_claim": "client_id",
            "subject_claim": "username",
            "scope_claim": "groups",
            "scope_map": {"staff": "internal_idvp_view"},
        }
        token = asked.issue("opaque-1", aud=..., username="ann@example.com", groups=["staff"], scope=...)
        assert site_of(asked, **settings).get(token).get_json()["subject"] == "ann@example.com"

    def test_a_jwt_of_an_introspecting_issuer_is_introspected(self, asked: Asked) -> None:
        other = AuthIssuer()
        try:
            token = other.mint(iss=asked.identifier)
            site = site_of(asked)
            assert refusal(site, token) == "active"
            site.clock.now += 6
            assert site.get(asked.issue(token)).status_code == 200
            id_token = other.mint(iss=asked.identifier, at_hash="a", header={"typ": "JWT"})
            assert refusal(site, asked.issue(id_token)) == "use", "some servers call their ID tokens active"
        finally:
            other.close()


class TestQuestions:
    @pytest.mark.parametrize("endpoint", ["", "/introspect"])
    def test_the_introspection_endpoint_is_configured_or_discovered(self, endpoint: str, asked: Asked) -> None:
        site = site_of(asked, introspection_endpoint=endpoint and asked.origin + endpoint)
        assert [site.get(asked.issue(f"opaque-{number}")).status_code for number in range(3)] == [200] * 3
        assert asked.discoveries == (0 if endpoint else 1)

    def test_the_client_authenticates_with_http_basic_as_rfc_6749_requires(self, asked: Asked) -> None:
        site_of(asked).get(asked.issue("opaque-1"))
        [(headers, form)] = asked.requests
        kind, _, credentials = headers["Authorization"].partition(" ")
        name, _, secret = base64.b64decode(credentials).decode().partition(":")
        assert (kind, name, unquote_plus(secret)) == ("Basic", CLIENT_ID, SECRET)
        assert form == {"token": "opaque-1", "token_type_hint": "access_token"}

    def test_the_client_may_authenticate_in_the_form(self, asked: Asked) -> None:
        site_of(asked, client_auth="client_secret_post").get(asked.issue("opaque-1"))
        [(headers, form)] = asked.requests
        assert "Authorization" not in headers
        assert (form["client_id"], form["client_secret"]) == (CLIENT_ID, SECRET)

    def test_the_secret_may_be_in_a_file(self, asked: Asked, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
        (tmp_path / "secret").chmod(0o640)
        settings = {"client_secret": f"file:{tmp_path / 'secret'}", "client_auth": "client_secret_post"}
        site_of(asked, **settings).get(asked.issue("opaque-1"))
        assert asked.requests[0][1]["client_secret"] == SECRET

    def test_a_binary_secret_file_is_named_without_its_content(self, asked: Asked, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "secret").chmod(0o600)
        with pytest.raises(ConfigurationError, match=r"secret must be UTF-8\.$"):
            site_of(asked, client_secret=f"file:{tmp_path / 'secret'}")

    @pytest.mark.parametrize("reference", ["env:NOT_SET", "file:/nowhere/secret"])
    def test_a_missing_secret_is_named_at_startup(self, reference: str, asked: Asked) -> None:
        with pytest.raises(ConfigurationError, match=reference.partition(":")[2]):
            site_of(asked, client_secret=reference)


class TestTenants:
    def test_a_token_is_introspected_only_at_issuers_of_the_requests_tenant(self, asked: Asked) -> None:
        other = Asked()
        try:
            site = Site(*read(table(asked, tenant="blue"), table(other, tenant="red")))
            asked.issue("blue-token")
            assert site.get("blue-token", Tenant="red").status_code == 401
            assert asked.requests == []
            assert site.get("blue-token", Tenant="blue").status_code == 200
            assert site.get("blue-token", Tenant="green").status_code == 401
            assert len(other.requests) == 1
        finally:
            other.close()

    def test_issuers_in_tenant_tables_have_the_same_form(self, asked: Asked) -> None:
        settings = {"profile": "okta", "scope_map": {"viewer": "internal_idvp_view"}}
        tenants = [{"name": "blue", "issuers": [table(asked, **settings)]}]
        site = Site(*load(None, {"CONNECTOR_TENANTS": json.dumps(tenants)}).all_issuers)
        token = asked.issue("opaque-1", uid="u-1", cid="shop", scp=["viewer"], scope=...)
        assert site.get(token, Tenant="blue").get_json()["subject"] == "u-1"
        assert site.get(token).status_code == 401

    def test_several_issuers_of_a_tenant_are_asked_in_order(self, asked: Asked) -> None:
        other = Asked()
        try:
            site = Site(*read(*(table(each, shares_users=True) for each in (asked, other))))
            assert site.get(other.issue("opaque-1")).get_json()["actor"].endswith(f"@{other.identifier}]")
            assert site.get(asked.issue("opaque-2")).status_code == 200
            assert (asked.seen, other.seen) == ({"opaque-1": 1, "opaque-2": 1}, {"opaque-1": 1})
        finally:
            other.close()

    def test_an_unreachable_issuer_does_not_hide_the_token_of_another_issuer(self, asked: Asked) -> None:
        other = Asked()
        try:
            site = Site(*read(*(table(each, shares_users=True) for each in (asked, other))))
            asked.status = 503
            assert site.get(other.issue("opaque-1")).status_code == 200
            assert site.get("unknown-token").status_code == 503, "it may be a token of the unreachable issuer"
        finally:
            other.close()

    def test_a_claim_may_name_the_tenant(self, asked: Asked) -> None:
        site = site_of(asked, tenant_claim="org.name")
        token = asked.issue("opaque-1", org={"name": "blue"})
        assert site.get(token, Tenant="blue").status_code == 200
        assert site.get(token, Tenant="red").status_code == 403

    def test_a_jwt_naming_another_tenants_issuer_is_not_introspected(self, asked: Asked) -> None:
        signer = AuthIssuer()
        try:
            token = asked.issue(signer.mint(iss=asked.identifier))
            assert site_of(asked, tenant="blue").get(token, Tenant="red").status_code == 401
            assert asked.requests == []
        finally:
            signer.close()


class TestKeptAnswers:
    def test_an_answer_is_kept_for_a_minute(self, asked: Asked) -> None:
        site = site_of(asked)
        token = asked.issue("opaque-1")
        assert [site.get(token).status_code for _ in range(3)] == [200] * 3
        asked.tokens.clear()
        site.clock.now += 59
        assert site.get(token).status_code == 200
        assert asked.seen[token] == 1
        site.clock.now += 1
        assert site.get(token).status_code == 401

    def test_an_answer_is_not_kept_beyond_the_tokens_expiry(self, asked: Asked) -> None:
        site = site_of(asked)
        token = asked.issue("opaque-1", exp=time.time() + 30.5)
        assert site.get(token).status_code == 200
        asked.tokens.clear()
        site.clock.now += 31
        assert site.get(token).status_code == 401

    @pytest.mark.parametrize("expiry", [10**400, 1e300])
    def test_an_answer_that_expires_in_the_far_future_is_kept_for_a_minute(self, expiry: float, asked: Asked) -> None:
        site = site_of(asked)
        assert site.get(asked.issue("opaque-1", exp=expiry)).status_code == 200
        site.clock.now += 60
        site.get("opaque-1")
        assert asked.seen["opaque-1"] == 2

    def test_an_inactive_answer_is_kept_for_a_few_seconds(self, asked: Asked) -> None:
        site = site_of(asked)
        assert [site.get("opaque-1").status_code for _ in range(3)] == [401] * 3
        assert asked.seen["opaque-1"] == 1
        site.clock.now += 5
        assert site.get(asked.issue("opaque-1")).status_code == 200

    def test_a_failure_is_not_kept(self, asked: Asked) -> None:
        site = site_of(asked)
        asked.issue("opaque-1")
        asked.status = 500
        assert site.get("opaque-1").status_code == 503
        asked.status = 200
        assert site.get("opaque-1").status_code == 200

    def test_concurrent_callers_with_one_token_cause_one_introspection(self, asked: Asked) -> None:
        site = site_of(asked)
        token = asked.issue("opaque-1")
        with ThreadPoolExecutor(DEFAULT_TURNS) as pool:
            answers = list(pool.map(lambda _: site.get(token).status_code, range(DEFAULT_TURNS)))
        assert set(answers) <= {200, 503}  # 503: where the machine is slower than a caller's patience
        assert asked.seen[token] == 1


def test_answers_about_invented_tokens_evict_no_valid_ones() -> None:
    answers = Answers(room=3)
    for number in range(5):
        answers.put(b"active %d" % number, Answer({"sub": str(number)}, until=60))
        answers.put(b"invented %d" % number, Answer(None, until=60))
    kept = [number for number in range(5) if answers.get(b"active %d" % number, 59.9)]
    assert kept == [2, 3, 4]
    assert answers.get(b"active 4", 60) is None


class TestOutage:
    @pytest.mark.parametrize("status", [429, 503])
    def test_the_issuer_is_not_asked_again_before_its_retry_after(self, status: int, asked: Asked) -> None:
        site = site_of(asked)
        asked.issue("opaque-1")
        asked.status = status
        answer = site.get("opaque-1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "WWW-Authenticate" not in answer.headers
        site.clock.now += 2
        assert site.get("opaque-2").headers["Retry-After"] == "3"
        assert asked.seen == {"opaque-1": 1}
        asked.status = 200
        site.clock.now += 3
        assert [site.get(token).status_code for token in ("opaque-1", "opaque-2")] == [200, 401]

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, b""),
            (401, b'{"error": "invalid_client"}'),
            (403, b"{}"),
            (404, b"{}"),
            (302, b'{"active": true}'),
            (400, b'{"error": "invalid_request"}'),
            (400, b'{"error": ["invalid_token"]}'),
            (200, b""),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"active": "true"}'),
            (200, b'{"active": 1}'),
            (200, b'{"active": null}'),
            (200, b"\xff"),
            (200, b"[" * 60_000),
            (200, b'{"active": true, "padding": "' + b"x" * 70_000 + b'"}'),
        ],
    )
    def test_an_unusable_answer_is_not_a_refusal_of_the_token(self, status: int, body: bytes, asked: Asked) -> None:
        site = site_of(asked)
        asked.status, asked.body = status, body
        with capture_logs() as logs:
            assert site.get("opaque-1").status_code == 503
        [line] = [entry for entry in logs if entry["event"] == "introspection.failed"]
        assert line["issuer"] == asked.identifier
        assert SECRET not in str(logs)
        asked.status, asked.body = 200, None
        assert site.get(asked.issue("opaque-2")).status_code == 200, "such an answer does not affect other tokens"

    def test_an_unreachable_issuer_causes_503(self, asked: Asked) -> None:
        site = site_of(asked)
        asked.close()
        assert site.get("opaque-1").status_code == 503

    def test_an_unresponsive_issuer_delays_few_callers(self, asked: Asked) -> None:
        site = site_of(asked)
        known = asked.issue("known")
        assert site.get(known).status_code == 200
        asked.arrived.acquire()
        asked.answering.clear()
        with ThreadPoolExecutor(DEFAULT_TURNS) as held, ThreadPoolExecutor(8) as pool:
            waiting = [held.submit(site.get, asked.issue(f"held-{number}")) for number in range(DEFAULT_TURNS)]
            for _ in waiting:
                assert asked.arrived.acquire(timeout=60)
            others = [pool.submit(site.get, f"other-{number}") for number in range(16)]
            same = [pool.submit(site.get, "held-0") for _ in range(4)]
            assert pool.submit(site.get, known).result(60).status_code == 200
            wait_until(lambda: all(each.done() for each in (*others, *same)))
            asked.answering.set()
            assert {each.result().status_code for each in waiting} <= {200, 503}
        answers = [each.result() for each in (*others, *same)]
        assert {answer.status_code for answer in answers} == {503}
        assert all(token.startswith("held") or token == "known" for token in asked.seen)

    def test_an_outage_of_one_issuer_does_not_affect_another(self, asked: Asked) -> None:
        other, signer = Asked(), AuthIssuer()
        try:
            tables = [table(asked, tenant="blue"), table(other, tenant="red")]
            signed = {"issuer": signer.identifier, "audience": "https://connector.example.com"}
            site = Site(*read(*tables, signed))
            asked.status = 503
            assert site.get("opaque-1", Tenant="blue").status_code == 503
            assert site.get(other.issue("opaque-1"), Tenant="red").status_code == 200
            assert site.get(signer.mint()).status_code == 200
        finally:
            signer.close()
            other.close()


class TestCheck:
    def check(self, asked: Asked, tmp_path: Path, token: str, *arguments: str) -> list[list[str]]:
        environ = {
            "CONNECTOR_DATA_DIR": str(tmp_path),
            "CONNECTOR_ISSUERS": json.dumps([table(asked)]),
            "CONNECTOR_CONFIG": "",
            "AS_SECRET": SECRET,
        }
        result = CliRunner().invoke(main, ["token", "check", *arguments], input=token, env=environ)
        assert token not in result.output
        return [line.split()[:2] for line in result.stdout.splitlines()]

    def test_an_opaque_token_is_explained(self, asked: Asked, tmp_path: Path) -> None:
        lines = self.check(asked, tmp_path, asked.issue("opaque-1"), "--scope", "internal_login")
        names = ["issuer", "active", "use", "aud", "exp", "iat", "sub", "tenant"]
        assert lines == [*(["ok", name] for name in names), ["failed", "scope"]]

    def test_a_claim_of_the_answer_that_is_wrong_is_named(self, asked: Asked, tmp_path: Path) -> None:
        token = asked.issue("opaque-1", iss="https://elsewhere.example.com", token_type="DPoP", aud="another")
        failed = [name for mark, name in self.check(asked, tmp_path, token) if mark == "failed"]
        assert failed == ["use", "iss", "aud"]

    def test_an_inactive_token_is_explained(self, asked: Asked, tmp_path: Path) -> None:
        assert self.check(asked, tmp_path, "opaque-1") == [["ok", "issuer"], ["failed", "active"]]

    def test_an_unreachable_issuer_is_explained(self, asked: Asked, tmp_path: Path) -> None:
        asked.status = 503
        assert self.check(asked, tmp_path, "opaque-1") == [["ok", "issuer"], ["-", "active"]]
