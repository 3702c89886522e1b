"""`connector provider`: registering and changing providers, whose secrets are never shown again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector.api.shapes.studio import (
    CustomInputSchema,
    LinkSchema,
    NoticesSchema,
    OutputClaimSchema,
    SdkSchema,
    StudioSchema,
    read_studio,
    studio_body,
)
from connector.domain.claims import APPLICANT_FIELDS, REQUIRED_FIELDS
from connector.domain.providers.credentials import MASK
from connector.domain.studio.studio import Studio
from tests.cli.conftest import mapping, properties

Run = Callable[..., Result]
WORKFLOW_ID = "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001"
API_TOKEN, WEBHOOK_TOKEN = "api_sandbox.very-secret", "hook-very-secret"
NOTICE_SECRET = "whsec_" + "dmVyeS1zZWNyZXQ0" * 2
NAMES = ("--claim", "givenname=first_name", "--claim", "http://idp.example/claim?a=lastname=last_name")
CONFIG = Path(__file__).parent.parent.parent / "config"
DIALECTS = CONFIG / "claims"
UNUSED = studio_body(Studio())


def add(run: Run, *arguments: str, **variables: str) -> Result:
    """Register a provider without checks at Onfido, and check that no secret was printed."""
    environ = {"ONFIDO_API_TOKEN": API_TOKEN} | variables
    result = run("provider", "add", "--offline", "--workflow-id", WORKFLOW_ID, *arguments, **environ)
    for secret in (API_TOKEN, WEBHOOK_TOKEN, NOTICE_SECRET):
        assert secret not in result.output
    return result


def added(run: Run, *arguments: str, **variables: str) -> dict[str, Any]:
    result = add(run, *arguments, "--json", **variables)
    assert result.exit_code == 0, result.output
    provider: dict[str, Any] = json.loads(result.stdout)
    return provider


def refused(run: Run, *arguments: str, **variables: str) -> str:
    result = add(run, *arguments, **variables)
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(run("provider", "list", "--json").stdout)["totalResults"] == 0
    return str(result.stderr)


class TestAdd:
    def test_add_shows_the_registered_provider_and_the_next_steps(self, run: Run) -> None:
        result = add(run, *NAMES, CONNECTOR_PUBLIC_URL="https://id.example")
        assert result.exit_code == 0
        assert "Onfido" in result.stdout
        assert "https://api.eu.onfido.com/v3.6" in result.stdout
        assert "  givenname -> first_name" in result.stdout
        assert "  1. In Onfido's dashboard" in result.stdout
        assert "connector provider add-webhook" in result.stdout
        assert "https://id.example/idv/onfido/v1/" in result.stdout

    def test_add_prints_json_for_scripts(self, run: Run) -> None:
        provider = added(run, *NAMES, "--name", "Mine", "--region", "ca", CONNECTOR_PUBLIC_URL="https://id.example")
        assert mapping(provider) == {"givenname": "first_name", "http://idp.example/claim?a=lastname": "last_name"}
        assert (provider["name"], provider["isEnabled"]) == ("Mine", True)
        assert properties(provider)["base_url"] == "https://api.ca.onfido.com/v3.6"
        assert provider["setupGuide"]["webhookUrl"] == f"https://id.example/idv/onfido/v1/{provider['id']}/verify"
        assert provider["setupGuide"]["hasWebhookToken"] is False

    def test_a_region_is_accepted_as_onfido_writes_it(self, run: Run) -> None:
        assert properties(added(run, *NAMES, "--region", "US"))["base_url"] == "https://api.us.onfido.com/v3.6"

    def test_add_does_not_mention_the_webhook_if_its_token_is_set(self, run: Run) -> None:
        result = add(run, *NAMES, ONFIDO_WEBHOOK_TOKEN=WEBHOOK_TOKEN)
        assert "registered" in result.stdout
        assert "Next:" not in result.stdout

    def test_add_requires_an_api_token(self, run: Run) -> None:
        assert "--api-token: must" in refused(run, *NAMES, ONFIDO_API_TOKEN="")

    def test_add_refuses_a_host_that_must_not_receive_the_token(self, run: Run) -> None:
        assert "evil.example" in refused(run, *NAMES, "--base-url", "https://evil.example/v3.6")

    def test_add_refuses_http_to_loopback_by_default(self, run: Run) -> None:
        simulator = ("--base-url", "http://127.0.0.1:8090/v3.6")
        assert "https://" in refused(run, *NAMES, *simulator)
        provider = added(run, *NAMES, *simulator, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
        assert properties(provider)["base_url"] == simulator[1]

    def test_add_names_the_claim_with_an_unknown_field(self, run: Run) -> None:
        assert "shoe must be mapped to an applicant field" in refused(run, *NAMES, "--claim", "shoe=shoe_size")

    def test_add_refuses_a_duplicate_name_in_a_tenant(self, run: Run) -> None:
        added(run, *NAMES)
        assert "Onfido" in add(run, *NAMES).stderr
        added(run, *NAMES, "--tenant", "acme")

    @pytest.mark.parametrize("option", ["--max-attempts", "--attempt-window"])
    @pytest.mark.parametrize("number", ["0", "-1"])
    def test_add_refuses_a_limit_that_allows_no_attempt(self, run: Run, option: str, number: str) -> None:
        assert f"{option}: must" in refused(run, *NAMES, option, number)

    def test_a_claim_option_overrides_the_claims_file(self, run: Run, tmp_path: Path) -> None:
        dialect = tmp_path / "claims.json"
        dialect.write_text(json.dumps({"a": "first_name", "b": "last_name"}))
        provider = added(run, "--claims", str(dialect), "--claim", "b=email", "--claim", "c=last_name")
        assert mapping(provider) == {"a": "first_name", "b": "email", "c": "last_name"}

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '"text"', "\ufeff{}"])
    def test_add_refuses_a_file_that_is_not_a_dialect(self, run: Run, tmp_path: Path, content: str) -> None:
        dialect = tmp_path / "claims.json"
        dialect.write_text(content, encoding="utf-8")
        result = add(run, "--claims", str(dialect))
        assert result.exit_code == 2
        assert str(dialect) in result.stderr.replace("\n", "")


class TestCredentials:
    CLIENT = ("--client-id", "client-1", "--client-secret", "of-the-client")

    def test_client_credentials_replace_a_token(self, run: Run) -> None:
        provider = added(run, *NAMES, ONFIDO_API_TOKEN="", ONFIDO_CLIENT_ID="client-1", ONFIDO_CLIENT_SECRET="of-it")
        assert properties(provider)["client_id"] == "client-1"
        assert "of-it" not in run("provider", "show", provider["id"]).stdout

    def test_options_take_precedence_over_the_environment(self, run: Run) -> None:
        provider = added(run, *NAMES, *self.CLIENT)
        assert properties(provider)["client_id"] == "client-1"
        arguments = ("provider", "update", provider["id"], "--no-test", "--json")
        client = {"ONFIDO_CLIENT_ID": "client-1", "ONFIDO_CLIENT_SECRET": "of-it"}
        back = run(*arguments, "--api-token", API_TOKEN, **client)
        assert properties(json.loads(back.stdout))["token"] == MASK
        again = run(*arguments, *self.CLIENT, ONFIDO_API_TOKEN=API_TOKEN)
        assert properties(json.loads(again.stdout))["client_id"] == "client-1"

    def test_credentials_of_both_kinds_are_refused(self, run: Run) -> None:
        assert "not both" in refused(run, *NAMES, "--api-token", API_TOKEN, *self.CLIENT)
        assert "not both" in refused(run, *NAMES, ONFIDO_CLIENT_ID="client-1", ONFIDO_CLIENT_SECRET="of-it")

    @pytest.mark.parametrize(("half", "missing"), [(CLIENT[:2], "--client-secret"), (CLIENT[2:], "--client-id")])
    def test_incomplete_client_credentials_are_refused(self, run: Run, half: tuple[str, ...], missing: str) -> None:
        assert f"{missing}: must be given" in refused(run, *NAMES, *half)

    def test_a_masked_token_is_refused(self, run: Run) -> None:
        assert "must be the secret itself" in refused(run, *NAMES, ONFIDO_API_TOKEN="********")

    def test_a_pasted_token_is_stored_without_its_header(self, run: Run) -> None:
        provider = added(run, *NAMES, ONFIDO_API_TOKEN=f"Token token={API_TOKEN}")
        assert properties(provider)["token"] == MASK

    def test_a_token_of_another_region_is_refused(self, run: Run) -> None:
        said = refused(run, *NAMES, "--region", "eu", ONFIDO_API_TOKEN="api_live_us.secret")
        assert "region of base_url, eu" in said
        assert "names us" in said


class TestDialects:
    @pytest.mark.parametrize("path", sorted(DIALECTS.glob("*.json")), ids=lambda path: path.stem)
    def test_a_shipped_dialect_is_accepted_unchanged(self, run: Run, path: Path) -> None:
        assert mapping(added(run, "--claims", str(path))) == json.loads(path.read_text())

    def test_two_dialects_are_shipped(self) -> None:
        assert {path.name for path in DIALECTS.glob("*.json")} == {"wso2.json", "oidc.json"}

    @pytest.mark.parametrize("name", ["wso2", "oidc"])
    def test_a_shipped_dialect_maps_names_and_all_required_address_fields(self, name: str) -> None:
        dialect = json.loads((DIALECTS / f"{name}.json").read_text())
        fields = {*REQUIRED_FIELDS, "address.postcode", "address.country"}
        assert fields < set(dialect.values()) < APPLICANT_FIELDS

    def test_the_wso2_dialect_has_wso2s_local_claims(self) -> None:
        dialect = json.loads((DIALECTS / "wso2.json").read_text())
        assert all(uri.startswith("http://wso2.org/claims/") for uri in dialect)


class TestStudio:
    @pytest.fixture
    def use(self, run: Run, tmp_path: Path) -> Callable[..., Result]:
        """Register a provider with the Studio features from a file with this content."""

        def use(content: str, *arguments: str, **variables: str) -> Result:
            path = tmp_path / "studio.json"
            path.write_text(content, encoding="utf-8")
            return add(run, *NAMES, "--studio", str(path), *arguments, **variables)

        return use

    def test_the_shipped_studio_example_has_every_member_and_is_accepted_unchanged(self, run: Run) -> None:
        example = json.loads((CONFIG / "studio.json").read_text())
        assert set(example) == set(StudioSchema().fields)
        for name in ("link", "sdk", "notices"):
            assert set(example[name]) == set(StudioSchema().fields[name].schema.fields)  # type: ignore[attr-defined]
        studio = read_studio(StudioSchema().load(example))

        shown = added(run, *NAMES, "--studio", str(CONFIG / "studio.json"))["studio"]

        assert shown == studio_body(studio)

    def test_studio_md_describes_every_member_of_the_example(self) -> None:
        page = (CONFIG / "studio.md").read_text()
        schemas = [StudioSchema(), CustomInputSchema(), OutputClaimSchema(), LinkSchema(), SdkSchema(), NoticesSchema()]
        names = {field.data_key or name for schema in schemas for name, field in schema.fields.items()}
        assert {name for name in names if f"`{name}`" not in page} == set()

    def test_only_studio_features_in_use_are_shown(self, run: Run, use: Callable[..., Result]) -> None:
        assert "Studio" not in add(run, *NAMES).stdout.partition("Next")[0]
        shown = use('{"tags": ["web", "kyc"], "capture": "link"}', "--name", "Other").stdout
        assert shown.partition("Studio:\n")[2].startswith('  tags     ["web", "kyc"]\n  capture  "link"\n')

    def test_studio_can_be_changed_and_turned_off_and_is_kept_if_not_named(
        self, run: Run, use: Callable[..., Result], tmp_path: Path
    ) -> None:
        provider = json.loads(use('{"tags": ["web"]}', "--json").stdout)
        for arguments, expected in ((("--name", "Renamed"), ["web"]), (("--studio", str(tmp_path / "off.json")), None)):
            (tmp_path / "off.json").write_text("{}")
            changed = json.loads(run("provider", "update", provider["id"], *arguments, "--json").stdout)
            assert changed.get("studio", {}).get("tags") == expected

    def test_notices_require_their_secret_which_is_never_shown(self, run: Run, use: Callable[..., Result]) -> None:
        notices = '{"notices": {"url": "http://127.0.0.1:9/notices"}}'
        refused = use(notices, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
        assert (refused.exit_code, "notice_secret" in refused.stderr) == (1, True)

        provider = json.loads(
            use(notices, "--json", CONNECTOR_ALLOW_HTTP_LOOPBACK="true", NOTICE_SECRET=NOTICE_SECRET).stdout
        )

        assert (properties(provider)["notice_secret"], provider["studio"]["notices"]["tasks"]) == (MASK, [])
        again = run("provider", "update", provider["id"], NOTICE_SECRET="whsec_bm90LWxvbmctZW5vdWdo")
        assert (again.exit_code, "--notice-secret: " in again.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            ("", "JSON"),
            ("{", "JSON"),
            ("[" * 100_000, "JSON"),
            ("[]", "studio.json: must be an object"),
            ('"text"', "studio.json: must be an object"),
            ('{"tag": []}', "studio.json: tag: "),
            ('{"tags": "web"}', "studio.json: tags: "),
            ('{"tags": [7]}', "studio.json: tags.0: "),
            ('{"capture": "fax"}', "studio.json: capture: "),
            ('{"link": {"lifetime": "long"}}', "studio.json: link.lifetime: "),
            ('{"customData": [{"name": "x", "type": "colour"}]}', "studio.json: customData.0.type: "),
            ('{"outputClaims": [{"pointer": "/x"}]}', "studio.json: outputClaims.0.localClaim: "),
        ],
    )
    def test_a_studio_file_of_another_shape_is_refused_and_the_member_named(
        self, run: Run, use: Callable[..., Result], content: str, named: str
    ) -> None:
        result = use(content)
        assert result.exit_code == 2
        assert named in result.stderr
        assert json.loads(run("provider", "list", "--json").stdout)["totalResults"] == 0

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            ('{"tags": ["a,b"]}', "--studio: tags: must "),
            ('{"link": {"completedRedirectUrl": "ftp://x"}}', "--studio: link.completedRedirectUrl: must "),
        ],
    )
    def test_an_invalid_studio_file_is_refused_in_one_line(
        self, run: Run, use: Callable[..., Result], content: str, named: str
    ) -> None:
        result = use(content)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert result.stderr.startswith(f"Error: {named}")
        assert json.loads(run("provider", "list", "--json").stdout)["totalResults"] == 0


class TestList:
    def test_an_empty_list_is_reported(self, run: Run) -> None:
        assert run("provider", "list").stdout == "No provider is registered.\n"
        assert json.loads(run("provider", "list", "--json").stdout)["totalResults"] == 0

    def test_the_suggested_command_names_the_tenant_if_necessary(self, run: Run) -> None:
        provider = added(run, *NAMES, "--tenant", "acme")
        shown = run("provider", "show", provider["id"], "--tenant", "acme").stdout
        assert f"`connector provider add-webhook {provider['id']} --tenant acme`" in shown

    def test_the_list_shows_only_the_tenants_providers(self, run: Run) -> None:
        provider = added(run, *NAMES, "--tenant", "acme")
        assert run("provider", "list").stdout == "No provider is registered.\n"
        heading, row = run("provider", "list", "--tenant", "acme").stdout.splitlines()
        assert heading.split()[:3] == ["ID", "NAME", "ENABLED"]
        assert row.split() == [provider["id"], "Onfido", "yes", "unchecked", WORKFLOW_ID, "-"]
        [listed] = json.loads(run("provider", "list", "--tenant", "acme", "--json").stdout)[
            "identityVerificationProviders"
        ]
        assert listed["id"] == provider["id"]


class TestChange:
    def test_properties_not_named_in_a_change_are_kept(self, run: Run) -> None:
        before = added(run, *NAMES, "--description", "kept", ONFIDO_WEBHOOK_TOKEN=WEBHOOK_TOKEN)
        result = run("provider", "update", before["id"], "--name", "Renamed", "--disable", "--json")
        assert result.exit_code == 0, result.output
        changed = {"name": "Renamed", "isEnabled": False}
        changed["health"] = before["health"] | {"providerName": "Renamed"}
        assert json.loads(result.stdout) == before | changed
        assert json.loads(run("provider", "show", before["id"], "--json").stdout) == before | changed
        assert json.loads(run("provider", "update", before["id"], "--enable", "--json").stdout)["isEnabled"] is True

    def test_a_dialect_replaces_the_claims_and_a_region_the_base_url(self, run: Run) -> None:
        before = added(run, *NAMES)
        arguments = ("--region", "us", "--claims", "oidc", "--no-test")
        after = json.loads(run("provider", "update", before["id"], *arguments, "--json").stdout)
        assert mapping(after)["given_name"] == "first_name"
        assert set(mapping(before)).isdisjoint(mapping(after))
        assert properties(after)["base_url"] == "https://api.us.onfido.com/v3.6"

    def test_single_claims_are_added_and_removed(self, run: Run) -> None:
        before = added(run, *NAMES)
        arguments = ("--claim", "born=dob", "--claim", "mail=email")
        grown = json.loads(run("provider", "update", before["id"], *arguments, "--json").stdout)
        assert mapping(grown) == mapping(before) | {"born": "dob", "mail": "email"}
        shrunk = run(
            "provider", "update", before["id"], "--remove-claim", "mail", "--claim", "born=phone_number", "--json"
        )
        assert mapping(json.loads(shrunk.stdout)) == mapping(before) | {"born": "phone_number"}
        unknown = run("provider", "update", before["id"], "--remove-claim", "nothing")
        assert (unknown.exit_code, "nothing must be a claim" in unknown.stderr) == (2, True)
        needed = run("provider", "update", before["id"], *(f"--remove-claim={uri}" for uri in mapping(before)))
        assert needed.exit_code == 1, "both names have to be mapped"

    def test_a_provider_is_addressed_by_its_name_in_any_case(self, run: Run) -> None:
        before = added(run, *NAMES, "--name", "Onfido Élan")
        for name in ("Onfido Élan", "onfido élan", before["id"].upper()):
            assert json.loads(run("provider", "show", name, "--json").stdout)["id"] == before["id"]
        assert run("provider", "update", "ONFIDO ÉLAN", "--disable").exit_code == 0
        assert run("provider", "show", "Onfido Élan", "--tenant", "acme").exit_code == 1
        assert run("provider", "remove", "Onfido Élan", "--yes").stdout == "Removed Onfido Élan.\n"

    def test_a_webhook_token_may_come_later_and_is_not_printed(self, run: Run) -> None:
        before = added(run, *NAMES)
        result = run("provider", "update", before["id"], ONFIDO_WEBHOOK_TOKEN=WEBHOOK_TOKEN)
        assert result.exit_code == 0, result.output
        assert "registered" in result.stdout
        assert WEBHOOK_TOKEN not in result.output

    @pytest.mark.parametrize("option", ["--webhook-token", "--api-token", "--notice-secret"])
    def test_an_empty_secret_is_refused(self, run: Run, option: str) -> None:
        before = added(run, *NAMES)
        assert run("provider", "update", before["id"], option, "").exit_code == 1

    def test_another_tenant_can_neither_see_nor_change_a_provider(self, run: Run) -> None:
        before = added(run, *NAMES)
        for command in (("show",), ("update", "--name", "x"), ("remove", "--yes")):
            assert run("provider", command[0], before["id"], *command[1:], "--tenant", "acme").exit_code == 1
        assert json.loads(run("provider", "show", before["id"], "--json").stdout) == before

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--max-attempts", "0"),
            ("--attempt-window", "0"),
            ("--name", ""),
            ("--workflow-id", ""),
            ("--base-url", ""),
        ],
    )
    def test_an_invalid_value_is_refused_with_its_option_and_the_old_one_kept(
        self, run: Run, option: str, value: str
    ) -> None:
        before = added(run, *NAMES)
        result = run("provider", "update", before["id"], option, value)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert f"Error: {option}: " in result.stderr
        assert json.loads(run("provider", "show", before["id"], "--json").stdout) == before


class TestMissingName:
    @pytest.mark.parametrize("name", ["repeat", "-"])
    def test_the_name_placeholder_is_shown_kept_and_removed(self, run: Run, name: str) -> None:
        provider_id = added(run, "--claims", str(DIALECTS / "wso2.json"), "--missing-name", name)["id"]
        assert self.shown(run, provider_id) == name
        assert run("provider", "update", provider_id, "--name", "Renamed").exit_code == 0
        assert self.shown(run, provider_id) == name
        assert run("provider", "update", provider_id, "--missing-name", "").exit_code == 0
        assert self.shown(run, provider_id) is None

    def test_a_placeholder_that_onfido_refuses_is_refused(self, run: Run) -> None:
        provider_id = added(run, "--claims", str(DIALECTS / "wso2.json"))["id"]
        result = run("provider", "update", provider_id, "--missing-name", "<none>")
        assert (result.exit_code, "--missing-name" in result.stderr) == (1, True)

    def shown(self, run: Run, provider_id: str) -> str | None:
        return properties(json.loads(run("provider", "show", provider_id, "--json").stdout)).get("missing_name")


class TestRemove:
    def test_removal_asks_for_confirmation(self, run: Run) -> None:
        provider = added(run, *NAMES)
        assert run("provider", "remove", provider["id"], input="n\n").exit_code == 1
        assert run("provider", "show", provider["id"]).exit_code == 0
        assert run("provider", "remove", provider["id"], input="y\n").exit_code == 0
        assert run("provider", "show", provider["id"]).exit_code == 1
