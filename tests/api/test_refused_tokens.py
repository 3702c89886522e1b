"""Reasons for refusing a token: a line in the log for the operator, the failed check for the caller, `token check`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from connector.cli import main
from connector.settings import Issuer
from tests.api.test_auth import AUDIENCE, AuthIssuer, Site, make_key

Mint = Callable[[AuthIssuer], str]
Check = Callable[..., Result]

IN_AN_HOUR = 3600


@pytest.fixture
def site(issuer: AuthIssuer) -> Site:
    return Site(Issuer(issuer.identifier, AUDIENCE, token_types=("at+jwt",)))


@pytest.fixture
def check(issuer: AuthIssuer, tmp_path: Path) -> Check:
    """Run `connector token check` on a token, with that issuer configured."""
    issuers = [{"issuer": issuer.identifier, "audience": AUDIENCE, "token_types": ["at+jwt"]}]
    environ = {"CONNECTOR_DATA_DIR": str(tmp_path), "CONNECTOR_ISSUERS": json.dumps(issuers), "CONNECTOR_CONFIG": ""}

    def check(token: str, *arguments: str) -> Result:
        command = ["token", "check", *arguments]
        return CliRunner().invoke(main, command, input=token, env=environ, catch_exceptions=False)

    return check


def of_another_type(issuer: AuthIssuer) -> str:
    return issuer.mint(header={"typ": "JWT"})


def of_no_type(issuer: AuthIssuer) -> str:
    return issuer.mint(header={"typ": ...})


def of_an_unknown_key(issuer: AuthIssuer) -> str:
    return issuer.mint(header={"kid": "the second"})


def with_anothers_signature(issuer: AuthIssuer) -> str:
    return issuer.mint(header={"kid": issuer.key.kid}, key=make_key("ES256"))


def of_another_algorithm(issuer: AuthIssuer) -> str:
    return issuer.mint(header={"alg": "HS256"}, key=_shared_key())


def of_another_issuer(issuer: AuthIssuer) -> str:
    return issuer.mint(iss="https://elsewhere.example.com")


def for_another_audience(issuer: AuthIssuer) -> str:
    return issuer.mint(aud=["the shop", "the bank"])


def that_has_expired(issuer: AuthIssuer) -> str:
    return issuer.mint(exp=int(time.time()) - IN_AN_HOUR)


def of_a_fast_clock(issuer: AuthIssuer) -> str:
    return issuer.mint(iat=int(time.time()) + IN_AN_HOUR)


def not_good_yet(issuer: AuthIssuer) -> str:
    return issuer.mint(nbf=int(time.time()) + IN_AN_HOUR)


def without_a_user(issuer: AuthIssuer) -> str:
    return issuer.mint(sub=...)


def that_is_an_id_token(issuer: AuthIssuer) -> str:
    return issuer.mint(at_hash="bm90IG91cnM")


def of_a_form_of_its_own(issuer: AuthIssuer) -> str:
    return issuer.mint(exp="tomorrow")


def _shared_key() -> Any:
    from joserfc.jwk import OctKey  # noqa: PLC0415

    return OctKey.generate_key(256, {"kid": "first"})


REFUSED: list[tuple[Mint, str, tuple[str, ...]]] = [
    (of_another_type, "typ", ("typ is JWT; token_types of this issuer allows at+jwt",)),
    (of_no_type, "typ", ("typ is missing; token_types of this issuer allows at+jwt",)),
    (of_an_unknown_key, "kid", ("kid is the second; the issuer publishes first",)),
    (with_anothers_signature, "signature", ("first",)),
    (of_another_algorithm, "alg", ("alg is HS256; algorithms of this issuer allows", "RS256")),
    (of_another_issuer, "iss", ("iss is https://elsewhere.example.com; the settings trust http://127.0.0.1",)),
    (for_another_audience, "aud", ("the shop", f"audience of this issuer is {AUDIENCE}")),
    (that_has_expired, "exp", ("360", "seconds ago by this host's clock", "Z")),
    (of_a_fast_clock, "iat", ("seconds ahead of this host's clock", "clocks")),
    (not_good_yet, "nbf", ("seconds ahead of this host's clock", "clocks")),
    (without_a_user, "sub", ("sub is missing",)),
    (that_is_an_id_token, "use", ("it is not an access token: it has at_hash",)),
    (of_a_form_of_its_own, "exp", ("tomorrow",)),
]
each_refusal = pytest.mark.parametrize(("mint", "name", "reasons"), REFUSED, ids=[row[0].__name__ for row in REFUSED])


@each_refusal
def test_a_refused_token_is_logged_in_one_line(
    site: Site, issuer: AuthIssuer, mint: Mint, name: str, reasons: tuple[str, ...]
) -> None:
    token = mint(issuer)
    with capture_logs() as logs:
        assert site.get(token).status_code == 401

    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    assert line["check"] == name
    assert [reason for reason in reasons if reason not in line["reason"]] == [], line["reason"]
    assert line["expected"]
    assert line["found"]
    assert (line["issuer"] == issuer.identifier) is (name != "iss")
    assert line["kid"]
    assert token not in str(logs)


@each_refusal
def test_the_answer_names_the_failed_check_but_not_the_expected_value(
    site: Site, issuer: AuthIssuer, mint: Mint, name: str, reasons: tuple[str, ...]
) -> None:
    answer = site.get(mint(issuer))

    description = answer.get_json()["description"]
    assert name in description or name == "kid"
    said = description + answer.headers["WWW-Authenticate"]
    assert [secret for secret in (AUDIENCE, issuer.identifier, "at+jwt", "RS256", "first") if secret in said] == []
    assert reasons[0] not in said


@pytest.mark.parametrize("mint", [of_a_fast_clock, not_good_yet])
def test_the_answer_reports_a_clock_difference(site: Site, issuer: AuthIssuer, mint: Mint) -> None:
    assert "clocks differ" in site.get(mint(issuer)).get_json()["description"]


@pytest.mark.parametrize("token", ["7d1f0c52-an-opaque-token", "secret.secret", "a.b.c.d.e", "…", "a.b.c"])
def test_a_token_that_is_not_a_signed_jwt_is_logged_only_by_its_form(site: Site, token: str) -> None:
    with capture_logs() as logs:
        assert site.get(token).status_code == 401

    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    assert line["check"] == "form"
    assert token not in json.dumps(logs, ensure_ascii=False)


@pytest.mark.parametrize(
    ("path", "tenant", "name"), [("/delete", "carbon.super", "scope"), ("/view", "blue", "tenant")]
)
def test_a_valid_token_without_permission_is_logged(
    site: Site, issuer: AuthIssuer, path: str, tenant: str, name: str
) -> None:
    with capture_logs() as logs:
        assert site.get(issuer.mint(), path, Tenant=tenant).status_code == 403

    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    assert (line["check"], line["issuer"], line["kid"]) == (name, issuer.identifier, "first")


def test_a_hostile_name_is_logged_as_one_bounded_printable_line(site: Site, issuer: AuthIssuer) -> None:
    with capture_logs() as logs:
        site.get(issuer.mint(iss="evil\n" + "x" * 5000, header={"kid": "k\n" + "y" * 1000}))

    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    assert all(str(value).isprintable() and len(str(value)) < 1000 for value in line.values())


def test_accepted_tokens_are_not_logged(site: Site, issuer: AuthIssuer) -> None:
    with capture_logs() as logs:
        assert site.get(issuer.mint()).status_code == 200
    assert logs == []


class TestCheck:
    def test_a_valid_token_passes_every_check(self, check: Check, issuer: AuthIssuer) -> None:
        result = check(f"Bearer {issuer.mint()}\n", "--scope", "internal_login")

        assert (result.exit_code, result.stderr) == (0, "")
        assert {line.split()[0] for line in result.stdout.splitlines()} == {"ok"}
        named = [line.split()[1] for line in result.stdout.splitlines()]
        assert named == [
            *("issuer", "alg", "typ", "use", "signature"),
            *("aud", "exp", "iat", "sub", "jti", "tenant", "scope"),
        ]

    @each_refusal
    def test_a_token_is_explained_as_in_the_log(
        self, check: Check, issuer: AuthIssuer, mint: Mint, name: str, reasons: tuple[str, ...]
    ) -> None:
        result = check(mint(issuer), "--json")

        assert result.exit_code == 1
        explained = json.loads(result.stdout)
        assert explained["passed"] is False
        [failed] = [each for each in explained["checks"] if each["passed"] is False]
        assert failed["check"] == name
        assert [reason for reason in reasons if reason not in failed["detail"]] == []
        assert name in result.stderr

    def test_every_failing_check_is_shown_not_only_the_first(self, check: Check, issuer: AuthIssuer) -> None:
        token = issuer.mint(header={"typ": "JWT"}, aud="the shop", exp=1)

        result = check(token, "--tenant", "blue", "--scope", "internal_idvp_add")

        failed = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("failed")]
        assert failed == ["typ", "aud", "exp", "tenant", "scope"]

    def test_an_unavailable_key_is_not_reported_as_a_fault_of_the_token(self, check: Check, issuer: AuthIssuer) -> None:
        issuer.go_down()

        result = check(issuer.mint())

        assert result.exit_code == 1
        [line] = [line for line in result.stdout.splitlines() if not line.startswith("ok")]
        assert line.split()[:2] == ["-", "signature"]

    def test_an_opaque_token_is_not_repeated(self, check: Check) -> None:
        result = check("7d1f0c52-an-opaque-token")
        assert result.exit_code == 1
        assert "opaque" in result.stdout
        assert "7d1f0c52" not in result.output

    def test_the_development_issuer_is_trusted_in_the_same_cases_as_by_serve(
        self, check: Check, tmp_path: Path
    ) -> None:
        environ = {"CONNECTOR_DATA_DIR": str(tmp_path)}
        token = CliRunner().invoke(main, ["token", "--user", "ann"], env=environ, catch_exceptions=False).stdout
        assert check(token).exit_code == 1
        assert check(token, "--dev").exit_code == 0
