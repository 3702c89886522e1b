"""A user's verified claims, as JSON, and signed with keys that are rotated."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import select

from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.store.models import history, signing_keys, verifications
from tests.bodies import event_body
from tests.harness import HTTP, Caller, World, as_actor
from tests.identity.schemas import assert_ida
from tests.identity.servers import NODE
from tests.processes import running
from tests.services.conftest import Run
from tests.services.environments import LIVE, use
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

OWN, OF_ANN = "/api/users/v1/me/idv/verified-claims", "/api/users/v1/ann/idv/verified-claims"
SCOPE = "internal_idv_verified_claims_view"
SIGNED = {"Accept": "application/jwt"}
ALL_CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
DAY = 86_400
has_jose = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules" / "jose").is_dir(),
    reason="jose: not installed (npm --prefix tests/identity/node ci)",
)


@pytest.fixture
def ann(world: World) -> Caller:
    """A user of a provider that is live."""
    use(world, LIVE)
    return world.add_user()


def verify(world: World, caller: Caller, **comparisons: str) -> str:
    run_id = world.start(caller)
    assert world.post_event(event_body(run_id, "approved", ALL_CLEAR | comparisons)).status_code == 200
    return run_id


def asserted(caller: Caller, path: str = OWN) -> dict[str, Any]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert_ida(body)
    return body


def claims_of(caller: Caller) -> dict[str, Any]:
    verified: dict[str, Any] = asserted(caller).get("verified_claims", {}).get("claims", {})
    return verified


def keys(caller: Caller) -> KeySet:
    answer = HTTP.get(f"{caller.url}/.well-known/jwks.json", timeout=60)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    published = answer.json()
    assert not any("d" in key for key in published["keys"]), "no private key is published"
    return KeySet.import_key_set(published)


def signed(caller: Caller) -> str:
    answer = caller.get(OWN, headers=SIGNED)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/jwt"), answer.text
    return answer.text


def test_a_user_is_asserted_with_the_evidence(world: World, ann: Caller) -> None:
    run_id = verify(world, ann, last_name="consider")
    body = asserted(ann)
    assert body["sub"] == "ann"
    assert body["verified_claims"]["claims"] == {"given_name": "Ann", "birthdate": "1990-01-01"}
    verification = body["verified_claims"]["verification"]
    assert (verification["trust_framework"], "assurance_level" in verification) == (world.connector.url, False)
    [evidence] = verification["evidence"]
    [check] = evidence["check_details"]
    assert (check["check_id"], check["organization"], check["time"]) == (run_id, "Onfido", verification["time"])


def test_a_user_without_verified_claims_has_no_assertion(ann: Caller) -> None:
    assert asserted(ann) == {"sub": "ann"}


def test_a_value_that_has_just_changed_is_not_asserted(world: World, ann: Caller) -> None:
    verify(world, ann)
    assert set(claims_of(ann)) == {"given_name", "family_name", "birthdate"}
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})
    assert claims_of(ann) == {"family_name": "Example", "birthdate": "1990-01-01"}
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Ann"})
    assert "given_name" not in claims_of(ann), "it is verified no longer"


def test_claims_verified_by_an_administrator_are_asserted_until_withdrawn(world: World, ann: Caller) -> None:
    verify(world, ann, date_of_birth="unidentified")
    admin, path = world.connector.as_admin(), "/api/users/v1/ann/idv/claims"

    def correct(uri: str, *, is_verified: bool) -> None:
        body = [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": is_verified}]
        assert admin.put(path, body).status_code == 201

    correct(BIRTH_DATE, is_verified=True)
    correct(LAST_NAME, is_verified=False)

    assert claims_of(ann) == {"given_name": "Ann", "birthdate": "1990-01-01"}
    evidence = asserted(ann)["verified_claims"]["verification"]["evidence"]
    assert sorted(piece["type"] for piece in evidence) == ["document", "vouch"]


def test_the_type_of_the_document_is_asserted_as_long_as_the_verification_is_kept(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    world.faults(output_shape="document_report")
    world.outcome(run_id, status="approved", comparisons=ALL_CLEAR)
    world.wait_until(lambda: bool(claims_of(ann)))
    world.clock.advance(DAY * (world.connector.settings.event_retention_days + 1))
    world.sweep()
    [evidence] = asserted(ann)["verified_claims"]["verification"]["evidence"]
    assert evidence["document_details"] == {"type": "passport"}


def methods(caller: Caller) -> list[tuple[str, list[str]]]:
    """Return the check methods of each piece of evidence, by its type."""
    evidence = asserted(caller)["verified_claims"]["verification"]["evidence"]
    return sorted((piece["type"], [each["check_method"] for each in piece["check_details"]]) for piece in evidence)


REPORTED = {
    "data_comparison": {"breakdown": {name: {"result": "clear"} for name in ALL_CLEAR}},
    "reports": [
        {"name": name, "result": result, "properties": {"first_name": "Ann"}}
        for name, result in {
            "document": "clear",
            "facial_similarity_motion": "clear",
            "identity_enhanced": "clear",
            "known_faces": "clear",
            "watchlist_standard": "clear",
            "us_driving_licence": "consider",
        }.items()
    ],
}


def test_evidence_names_the_checks_as_long_as_the_verification_is_kept(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    assert world.post_event(event_body(run_id, "approved", output=REPORTED)).status_code == 200
    made = [("document", ["vri", "facial_similarity_motion"]), ("electronic_record", ["data"])]
    assert methods(ann) == made
    world.clock.advance(DAY * (world.connector.settings.event_retention_days + 1))
    world.sweep()
    assert methods(ann) == made
    with world.connector.services.database.read() as connection:
        [row] = connection.execute(select(verifications.c.reports, verifications.c.result)).all()
    assert tuple(row) == (["document", "facial_similarity_motion", "identity_enhanced"], None)


def test_evidence_names_no_check_missing_in_the_output(world: World, ann: Caller) -> None:
    verify(world, ann)
    assert methods(ann) == [("document", ["vri"])]


def test_checks_in_the_document_check_task_are_evidence(world: World, ann: Caller) -> None:
    world.faults(output_shape="none")
    run_id = world.start(ann)
    world.outcome(run_id, status="approved", comparisons=ALL_CLEAR)
    world.wait_until(lambda: bool(claims_of(ann)))
    with world.connector.services.database.read() as connection:
        assert connection.execute(select(verifications.c.reports)).scalar_one() == ["document"]


def test_sandbox_results_are_marked(world: World) -> None:
    ann = world.add_user()
    verify(world, ann)
    assert asserted(ann)["verified_claims"]["verification"].keys() == {"trust_framework", "time"}
    assert asserted(ann)["verified_claims"]["verification"]["trust_framework"] == "sandbox"


def test_a_back_end_requires_its_own_scope_and_is_audited(world: World, ann: Caller) -> None:
    verify(world, ann)
    assert world.connector.as_admin().get(OF_ANN).status_code == 403
    back_end = world.connector.caller("shop", [SCOPE])
    assert asserted(back_end, OF_ANN) == asserted(ann)
    assert back_end.get(OF_ANN.replace("ann", "nobody")).json()["code"] == "IDV-10001"
    with world.connector.services.database.read() as connection:
        read = connection.execute(select(history).where(history.c.subject == "values")).all()
    assert [(each.name, each.user_id, each.actor, each.detail) for each in read] == [
        ("ann", "ann", as_actor("shop"), {})
    ]


def test_another_tenant_sees_no_verified_claims(world: World, ann: Caller) -> None:
    verify(world, ann)
    elsewhere = world.connector.caller("shop", [SCOPE], "elsewhere.example")
    assert elsewhere.get(OF_ANN).status_code == 404
    namesake = world.connector.as_user("ann", "elsewhere.example")
    assert namesake.get(OWN).status_code == 404
    world.connector.services.users.add(Tenant("elsewhere.example"), "ann", {GIVEN_NAME: "Ann"})
    assert asserted(namesake) == {"sub": "ann"}
    token = jwt.decode(signed(namesake), keys(namesake), algorithms=["RS256"])
    assert token.claims["iss"] == f"{world.connector.url}/t/elsewhere.example"


def test_a_signed_answer_is_the_same_for_its_client(world: World, ann: Caller) -> None:
    verify(world, ann)
    token = jwt.decode(signed(ann), keys(ann), algorithms=["RS256"])
    body = asserted(ann)
    claims = dict(token.claims)
    assert token.header["typ"] == "verified-claims+jwt"
    assert claims.pop("exp") - claims.pop("iat") == world.connector.settings.verified_claims_lifetime
    assert claims == body | {"iss": world.connector.url, "aud": "development"}
    assert_ida(claims)
    assert ann.get(OWN, headers={"Accept": "text/html, */*;q=0.1"}).json() == body
    as_token = Caller(ann.url, {"Authorization": f"Bearer {signed(ann)}"})
    assert as_token.get(OWN).status_code == 401, "it is not an access token"


def roles(run: Run, *command: str) -> dict[str, str]:
    result = run("keys", *command, "--json")
    assert result.exit_code == 0, result.output
    return {key["id"]: key["role"] for key in json.loads(result.stdout)["keys"]}


def test_keys_are_published_before_and_after_they_sign(world: World, ann: Caller, run: Run) -> None:
    before = signed(ann)
    [current, following] = [str(key.kid) for key in keys(ann).keys]
    assert roles(run, "list") == {current: "current", following: "next"}

    refused = run("keys", "rotate", "--json")
    assert (refused.exit_code, "--force" in json.loads(refused.stderr)["description"]) == (1, True)

    rotated = roles(run, "rotate", "--force")
    assert (rotated[current], rotated[following], len(rotated)) == ("previous", "current", 3)
    after = signed(ann)
    assert jwt.decode(after, keys(ann), algorithms=["RS256"]).header["kid"] == following
    assert jwt.decode(before, keys(ann), algorithms=["RS256"]).header["kid"] == current
    world.clock.advance(world.connector.settings.signing_key_overlap + 1)
    with pytest.raises((InvalidKeyIdError, ValueError)):
        jwt.decode(before, keys(ann), algorithms=["RS256"])
    world.connector.services.signing_keys.rotate("tests")
    with world.connector.services.database.read() as connection:
        stored = connection.execute(select(signing_keys.c.id)).scalars().all()
    assert (current in stored, len(stored)) == (False, 3), "expired rows are removed"


def test_compromised_keys_are_replaced_at_once(world: World, ann: Caller, run: Run) -> None:
    before, former = signed(ann), {str(key.kid) for key in keys(ann).keys}
    assert run("keys", "revoke").exit_code == 1, "it asks for confirmation"
    assert "current" in run("keys", "revoke", "--yes").stdout
    assert former.isdisjoint(roles(run, "list"))
    with pytest.raises((InvalidKeyIdError, BadSignatureError, ValueError)):
        jwt.decode(before, keys(ann), algorithms=["RS256"])
    assert jwt.decode(signed(ann), keys(ann), algorithms=["RS256"])
    with world.connector.services.database.read() as connection:
        entries = connection.execute(select(history).where(history.c.subject == "key")).all()
    assert {each.name for each in entries if each.current == "removed"} == former
    assert {each.actor.partition(":")[0] for each in entries} == {"cli"}


def test_the_first_keys_are_created_once_by_concurrent_requests(world: World) -> None:
    service = world.connector.services.signing_keys
    with ThreadPoolExecutor(8) as pool:
        published = list(pool.map(lambda _: [key.key_id for key in service.published()], range(8)))
    assert published == [published[0]] * 8
    assert len(published[0]) == 2


def test_concurrent_rotations_run_one_after_another(world: World) -> None:
    service = world.connector.services.signing_keys
    service.published()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: service.rotate("tests", is_forced=True), range(4)))
    assert [key.role for key in service.published()] == ["current", "next", *["previous"] * 4]


def test_private_keys_are_encrypted(world: World) -> None:
    service = world.connector.services
    service.signing_keys.published()
    with service.database.read() as connection:
        stored = connection.execute(select(signing_keys.c.private_key)).scalars().all()
    assert [each.startswith("v1.") for each in stored] == [True, True]
    assert service.key_rotation.count_outdated() == 0


@pytest.mark.one_database
def test_a_private_key_is_read_once_and_never_used_after_its_revocation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a key takes as long as a hundred signatures."""
    read = []
    import_key = RSAKey.import_key

    def count(key: dict[str, Any], *parameters: Any) -> RSAKey:
        read.extend([True] if "d" in key else [])
        return import_key(key, *parameters)

    monkeypatch.setattr(RSAKey, "import_key", count)
    service = world.connector.services.signing_keys
    for revoked in range(2):
        [current, *_] = service.revoke("tests")
        published = KeySet.import_key_set({"keys": [dict(current.public_key)]})
        for number in range(3):
            assert jwt.decode(service.sign({"number": number}, "JWT"), published).claims == {"number": number}
        assert len(read) == revoked + 1


@pytest.fixture
def jose(ann: Caller) -> Iterator[subprocess.Popen[str]]:
    """npm's jose, with the keys that it fetches by itself."""
    command = ["node", str(NODE / "verify.mjs"), f"{ann.url}/.well-known/jwks.json", ann.url, "development"]
    pipe: Any = subprocess.PIPE
    with running(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process


def by_jose(running: subprocess.Popen[str], token: str) -> dict[str, Any]:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(f"{token}\n")
    running.stdin.flush()
    answer: dict[str, Any] = json.loads(running.stdout.readline())
    return answer


@has_jose
def test_jose_verifies_across_a_rotation(world: World, ann: Caller, jose: subprocess.Popen[str]) -> None:
    verify(world, ann)
    before = signed(ann)
    assert by_jose(jose, before)["payload"]["verified_claims"] == asserted(ann)["verified_claims"]
    for _ in range(3):
        world.connector.services.signing_keys.rotate("tests", is_forced=True)
        assert by_jose(jose, signed(ann))["payload"]["sub"] == "ann"
        assert by_jose(jose, before)["payload"]["sub"] == "ann"
    head, _, signature = before.rpartition(".")
    assert by_jose(jose, f"{head}.{signature[::-1]}")["error"] == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"


def test_the_operator_names_the_trust_framework_and_the_level(world: World, ann: Caller) -> None:
    verify(world, ann)
    service = world.connector.services.verified_claims
    tenant = Tenant(world.tenant)
    named = replace(tenant, assurance=replace(tenant.assurance, trust_framework="acme_policy", level="gold"))
    verification = service.get(named, "ann", "https://idv.example.com")["verified_claims"]["verification"]
    assert (verification["trust_framework"], verification["assurance_level"]) == ("acme_policy", "gold")
    with pytest.raises(RequestError):
        service.get(named, "nobody", "https://idv.example.com")


def test_a_request_without_a_token_is_refused(world: World) -> None:
    assert HTTP.get(world.connector.url + OWN, timeout=60).status_code == 401
