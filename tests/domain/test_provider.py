"""The validation of a provider's configuration, above all of the hosts that may receive its API token."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import APPLICANT_FIELDS
from connector.domain.providers.provider import DEFAULT_BASE_URL, Provider, ProviderConfig, setup_guide
from connector.domain.providers.provider_rules import BaseUrlPolicy, check_config
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import DEFAULT_TENANT, tenant_path
from connector.errors import InvalidField

EU = "api.eu.onfido.com"
POLICY = BaseUrlPolicy({EU, "api.us.onfido.com", "api.ca.onfido.com"})
DEVELOPMENT = BaseUrlPolicy({EU}, allows_http_loopback=True)
CONFIG = ProviderConfig(
    name="Onfido",
    is_enabled=True,
    claims={"givenname": "first_name", "lastname": "last_name"},
    workflow_id="5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001",
    api_token="api_sandbox.secret",
)


def refusal(config: ProviderConfig, policy: BaseUrlPolicy = POLICY) -> str:
    """Return the message about a refused configuration."""
    with pytest.raises(InvalidField) as refused:
        check_config(config, policy)
    return refused.value.description


def notice_secret(length: int) -> str:
    """Return a secret with this number of bytes."""
    return f"whsec_{base64.b64encode(bytes(length)).decode()}"


def is_allowed(base_url: str, policy: BaseUrlPolicy = POLICY) -> bool:
    try:
        policy.check(base_url)
    except InvalidField:
        return False
    return True


class TestBaseUrl:
    @pytest.mark.parametrize("region", ["eu", "us", "ca"])
    def test_every_region_of_onfido_is_allowed(self, region: str) -> None:
        assert is_allowed(f"https://api.{region}.onfido.com/v3.6")

    @pytest.mark.parametrize(
        "base_url",
        ["https://API.EU.ONFIDO.COM/v3.6", "HTTPS://api.eu.onfido.com/v3.6", "https://api.eu.onfido.com:443/v3.6"],
    )
    def test_another_spelling_of_an_allowed_host_is_allowed(self, base_url: str) -> None:
        assert is_allowed(base_url)

    @pytest.mark.parametrize(
        "base_url",
        [
            "https://api.eu.onfido.com.evil.example/v3.6",
            "https://evil.example/api.eu.onfido.com/v3.6",
            "https://evil.example?https://api.eu.onfido.com",
            "https://evil.example#@api.eu.onfido.com",
            "https://evil-api.eu.onfido.com/v3.6",
            "https://xapi.eu.onfido.com/v3.6",
            "https://onfido.com/v3.6",
            "https://eu.onfido.com/v3.6",
            "https://api.eu.onfido.com\\.evil.example/v3.6",
            "https://api.eu.onfido.com%2eevil.example/v3.6",
            "https://api.eu.onfido.com%00.evil.example/v3.6",
            "https://evil.example\\api.eu.onfido.com/v3.6",
        ],
    )
    def test_a_host_that_resembles_an_allowed_one_is_refused(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    @pytest.mark.parametrize(
        "base_url",
        [
            "https://api.eu.onfido.com@evil",
            "https://api.eu.onfido.com@evil.example/v3.6",
            "https://api.eu.onfido.com:443@evil.example/v3.6",
            "https://api.eu.onfido.com%40evil.example/v3.6",
            "https://user@api.eu.onfido.com/v3.6",
            "https://user:password@api.eu.onfido.com/v3.6",
            "https://:password@api.eu.onfido.com/v3.6",
            "https://evil.example\\@api.eu.onfido.com/v3.6",
            "https://evil.example:443\\@api.eu.onfido.com/v3.6",
        ],
    )
    def test_userinfo_in_a_url_never_hides_the_host(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    @pytest.mark.parametrize(
        "base_url",
        [
            "https://api.eu.onfido.com./v3.6",  # the root's dot: another name to certificates and to the list
            "https://аpi.eu.onfido.com/v3.6",  # noqa: RUF001  a Cyrillic letter is the point
            "https://ａpi.eu.onfido.com/v3.6",  # noqa: RUF001  a full-width letter is the point
            "https://api.eu.onfido。com/v3.6",  # an ideographic full stop
            "https://xn--pi-7kc.eu.onfido.com/v3.6",
            "https://api.eu.onfido.com℀evil.example/v3.6",
        ],
    )
    def test_a_host_in_another_script_or_with_a_trailing_dot_is_refused(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    @pytest.mark.parametrize(
        "base_url",
        [
            "",
            "https://",
            "https:///v3.6",
            "api.eu.onfido.com/v3.6",
            "//api.eu.onfido.com/v3.6",
            "https:api.eu.onfido.com",
            "https://api.eu.onfido.com:99999/v3.6",
            "https://api.eu.onfido.com:port/v3.6",
            "https://[api.eu.onfido.com]/v3.6",
            "https://[::1/v3.6",
            "ftp://api.eu.onfido.com/v3.6",
            "file:///etc/passwd",
            "javascript://api.eu.onfido.com/%0aalert(1)",
        ],
    )
    def test_a_url_that_is_not_https_is_refused(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    @pytest.mark.parametrize("tail", ["?x=1", "#x", "?", "#"])
    def test_a_query_or_fragment_is_refused(self, tail: str) -> None:
        assert not is_allowed(DEFAULT_BASE_URL + tail)

    @pytest.mark.parametrize(
        "base_url",
        [
            " https://api.eu.onfido.com/v3.6",
            "https://api.eu.onfido.com/v3.6\n",
            "https://api.eu.onfido.com\n/v3.6",
            "https://api.eu\t.onfido.com/v3.6",
            "https://api.eu.onfido.com/v3.6\r\nX-Evil: 1",
            "https://api.eu.onfido.com/v 3.6",
            "https://api.eu.onfido.com/v3.6\x00",
        ],
    )
    def test_white_space_and_control_characters_are_refused(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    def test_the_refusal_names_the_host_and_the_setting_but_no_other_host(self) -> None:
        description = refusal(replace(CONFIG, base_url="https://onfido.example/v3.6"))
        assert description.startswith("configProperties.base_url: must have a host that the operator allows by ")
        assert "not onfido.example" in description
        assert "allowed_base_url_hosts" in description
        assert "onfido.com" not in description

    @given(base_url=st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}@?api\.eu\.onfido\.com[^/]{0,20}/v3\.6"))
    def test_any_text_is_allowed_or_refused(self, base_url: str) -> None:
        is_allowed(base_url)
        is_allowed(base_url, DEVELOPMENT)


class TestHttpToLoopback:
    LOOPBACK = (
        "http://127.0.0.1:8090/v3.6",
        "http://127.8.9.10/v3.6",
        "http://localhost:8090/v3.6",
        "http://LOCALHOST:8090/v3.6",
        "http://[::1]:8090/v3.6",
    )

    @pytest.mark.parametrize("base_url", LOOPBACK)
    def test_http_to_loopback_is_refused_by_default(self, base_url: str) -> None:
        assert not is_allowed(base_url)

    @pytest.mark.parametrize("base_url", LOOPBACK)
    def test_http_to_loopback_is_allowed_if_configured(self, base_url: str) -> None:
        assert is_allowed(base_url, DEVELOPMENT)

    @pytest.mark.parametrize(
        "base_url",
        [
            f"http://{EU}/v3.6",
            "http://evil.example/v3.6",
            "http://127.0.0.1.evil.example/v3.6",
            "http://localhost.evil.example/v3.6",
            "http://127.0.0.1@evil.example/v3.6",
            "http://evil.example#127.0.0.1",
            "http://0.0.0.0/v3.6",
            "http://10.0.0.1/v3.6",
            "http://169.254.169.254/v3.6",
            "http://[::]/v3.6",
            "http://[fe80::1]/v3.6",
            "http://user@127.0.0.1/v3.6",
        ],
    )
    def test_http_to_other_hosts_is_refused_even_if_loopback_is_allowed(self, base_url: str) -> None:
        assert not is_allowed(base_url, DEVELOPMENT)

    def test_other_https_hosts_are_refused_even_if_loopback_is_allowed(self) -> None:
        assert is_allowed(DEFAULT_BASE_URL, DEVELOPMENT)
        assert not is_allowed("https://127.0.0.1/v3.6", DEVELOPMENT)


class TestConfiguration:
    def test_a_complete_configuration_is_accepted(self) -> None:
        check_config(CONFIG, POLICY)
        check_config(replace(CONFIG, api_token=None, webhook_token=None), POLICY)

    @pytest.mark.parametrize("name", ["", " ", "\t", "\u200b", "\ufeff", "\u2060 \u00ad", "\u3164", "\ufe0f"])
    def test_an_empty_name_is_refused(self, name: str) -> None:
        assert refusal(replace(CONFIG, name=name)).startswith("name: ")

    @pytest.mark.parametrize("mark", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066"])
    def test_a_name_that_could_forge_a_line_or_control_a_terminal_is_refused(self, mark: str) -> None:
        assert refusal(replace(CONFIG, name=f"Onfido{mark}[31m ok")) == (
            "name: must not contain control characters, line separators or direction marks."
        )
        claims = {**CONFIG.claims, f"urn:x{mark}": "dob"}
        assert "a local claim must not contain control characters" in refusal(replace(CONFIG, claims=claims))

    def test_a_claim_or_client_id_longer_than_its_column_is_refused(self) -> None:
        claims = {**CONFIG.claims, "u" * 255: "dob"}
        check_config(replace(CONFIG, claims=claims), POLICY)
        longer = {**CONFIG.claims, "u" * 256: "dob"}
        assert "a local claim must have at most 255 characters" in refusal(replace(CONFIG, claims=longer))
        config = replace(CONFIG, api_token=None, client_id="c" * 256, client_secret="s")
        assert "client_id: must have at most 255 characters" in refusal(config)

    def test_a_claim_without_a_name_is_refused(self) -> None:
        assert "a local claim must not be empty" in refusal(replace(CONFIG, claims={**CONFIG.claims, " ": "dob"}))

    @pytest.mark.parametrize(
        "name", ["Zoë 王小明", "\u0646\u0627\u0645\u200c\u0647\u0627", "a\u00a0b", "e\u0301", "👩\u200d💻"]
    )
    def test_a_name_of_any_script_is_accepted(self, name: str) -> None:
        check_config(replace(CONFIG, name=name), POLICY)

    @pytest.mark.parametrize(
        "image",
        [
            "",
            "onfido",
            "onfido.png",
            "assets/images/logos/onfido.svg",
            "/console/assets/onfido.svg?v=2#a:b",
            "./a:b.png",
            "../logo.png",
            "https://cdn.example.com/logo.png",
            "HTTPS://cdn.example.com/logo.png?size=1:2",
        ],
    )
    def test_an_image_may_be_an_https_address_a_path_or_a_name(self, image: str) -> None:
        check_config(replace(CONFIG, image=image), POLICY)

    @pytest.mark.parametrize(
        "image",
        [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "java\tscript:alert(1)",
            "\x01javascript:alert(1)",
            "data:image/svg+xml,<svg onload=alert(1)>",
            "vbscript:x",
            "blob:https://a.example/1",
            "file:///etc/passwd",
            "http://cdn.example.com/logo.png",
            "ftp://cdn.example.com/logo.png",
            "https:cdn.example.com",
            "https:/cdn.example.com",
            "https://",
            "https:///cdn.example.com",
            "https:\\\\cdn.example.com",
            "//cdn.example.com/logo.png",
            " //cdn.example.com/logo.png",
            "\\\\cdn.example.com",
            "/\\cdn.example.com",
            "C:\\logo.png",
        ],
    )
    def test_an_image_with_another_scheme_is_refused(self, image: str) -> None:
        assert refusal(replace(CONFIG, image=image)) == "image: must be an https URL, a path or a name."

    @pytest.mark.parametrize(
        "workflow_id",
        [
            "",
            "my-workflow",
            "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a00",
            "{5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001}",
            "urn:uuid:5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001",
        ],
    )
    def test_a_workflow_id_that_is_not_a_plain_uuid_is_refused(self, workflow_id: str) -> None:
        description = refusal(replace(CONFIG, workflow_id=workflow_id))
        assert description.startswith("configProperties.workflow_id: ")

    @pytest.mark.parametrize("secret", [" padded ", "two\nlines", "ta\tb", "ünicode", "nul\0", " leading"])
    def test_a_secret_that_no_header_can_carry_is_refused_and_not_repeated(self, secret: str) -> None:
        for field, key in (("api_token", "token"), ("webhook_token", "webhook_token")):
            description = refusal(replace(CONFIG, **{field: secret}))  # type: ignore[arg-type]
            assert description.startswith(f"configProperties.{key}: ")
            assert secret.strip() not in description

    def test_an_empty_secret_is_refused(self) -> None:
        assert refusal(replace(CONFIG, api_token="")).startswith("configProperties.token: ")

    @pytest.mark.parametrize("missing", ["first_name", "last_name"])
    def test_both_names_must_be_mapped(self, missing: str) -> None:
        claims = {uri: name for uri, name in CONFIG.claims.items() if name != missing}
        assert missing in refusal(replace(CONFIG, claims=claims))

    @pytest.mark.parametrize(
        "field", ["name", "First_Name", "address", "address.", "address.planet", "date_of_birth", ""]
    )
    def test_an_unknown_applicant_field_is_refused_by_claim_and_name(self, field: str) -> None:
        description = refusal(replace(CONFIG, claims=CONFIG.claims | {"urn:x": field}))  # type: ignore[operator]
        assert description.startswith("claims: urn:x must be mapped to an applicant field (")
        assert description.endswith(f"not to {field}.")
        assert "address.postcode" in description

    def test_two_claims_may_be_mapped_to_a_name(self) -> None:
        claims = dict(CONFIG.claims) | {"middle": "first_name", "second": "last_name"}
        check_config(replace(CONFIG, claims=claims), POLICY)

    @pytest.mark.parametrize("field", ["dob", "email", "address.street", "id_numbers.passport"])
    def test_two_claims_may_not_be_mapped_to_any_other_field(self, field: str) -> None:
        claims = dict(CONFIG.claims) | {"one": field, "other": field}
        assert refusal(replace(CONFIG, claims=claims)).startswith(f"claims: must map one claim to {field};")

    @pytest.mark.parametrize("name", ["repeat", "-", "Unknown", "\u2014"])
    def test_a_valid_placeholder_is_accepted(self, name: str) -> None:
        check_config(replace(CONFIG, missing_name=name), POLICY)

    @pytest.mark.parametrize("name", ["", " ", "<none>", "a\x07b", "\u200b", "x" * 256])
    def test_an_invalid_placeholder_is_refused(self, name: str) -> None:
        assert refusal(replace(CONFIG, missing_name=name)).startswith("configProperties.missing_name: must be repeat")

    def test_every_applicant_field_can_be_mapped(self) -> None:
        check_config(replace(CONFIG, claims={f"urn:{field}": field for field in APPLICANT_FIELDS}), POLICY)

    def test_a_repr_shows_no_secrets(self) -> None:
        shown = repr(replace(CONFIG, webhook_token="hook.secret", notice_secret="whsec_secret"))
        assert "api_sandbox.secret" not in shown
        assert "hook.secret" not in shown
        assert "whsec_secret" not in shown

    @pytest.mark.parametrize("length", [24, 32, 64])
    def test_notices_are_signed_with_a_standard_webhooks_secret(self, length: int) -> None:
        check_config(replace(CONFIG, notice_secret=notice_secret(length)), POLICY)

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            "whsec_",
            notice_secret(23),
            notice_secret(65),
            notice_secret(32).removeprefix("whsec_"),
            notice_secret(32) + "\n",
            "whsec_" + "ü" * 32,
            "whsec_" + "?" * 44,
        ],
    )
    def test_a_notice_secret_of_another_form_is_refused_and_not_repeated(self, secret: str) -> None:
        description = refusal(replace(CONFIG, notice_secret=secret))
        assert description == "configProperties.notice_secret: must be whsec_ and base64 of 24 to 64 bytes."

    @pytest.mark.parametrize("number", [0, -1, 10**9])
    def test_attempt_limits_are_bounded(self, number: int) -> None:
        assert refusal(replace(CONFIG, max_attempts=number)).startswith("configProperties.max_attempts: ")
        assert refusal(replace(CONFIG, attempt_window=number)).startswith("configProperties.attempt_window: ")


class TestSetupGuide:
    PROVIDER = Provider(
        provider_id="7f1a0c52-6a7e-4a6a-9d3b-0c5de0f0a001",
        tenant=DEFAULT_TENANT,
        name="Onfido",
        description="",
        image="",
        is_enabled=True,
        claims=CONFIG.claims,
        workflow_id=CONFIG.workflow_id,
        base_url=DEFAULT_BASE_URL,
        max_attempts=CONFIG.max_attempts,
        attempt_window=CONFIG.attempt_window,
        has_webhook_token=False,
        previous_webhook_token_expires_at=None,
    )

    def test_the_setup_guide_names_the_webhook_url_and_the_event(self) -> None:
        guide = setup_guide(self.PROVIDER, "https://id.example")
        assert guide.webhook_url == f"https://id.example/idv/onfido/v1/{self.PROVIDER.provider_id}/verify"
        steps = " ".join(guide.steps)
        assert guide.webhook_url in steps
        assert "workflow_run.completed" in steps

    def test_the_setup_guide_names_exactly_the_events_in_use(self) -> None:
        studio = Studio(unverifies_on_match=True)
        [step] = [step for step in setup_guide(replace(self.PROVIDER, studio=studio), "x").steps if "event" in step]
        assert "workflow_run.completed, watchlist_monitor.matches_updated" in step
        assert "workflow_task.started" not in step

    def test_the_setup_guide_has_another_tenant_in_the_url(self) -> None:
        guide = setup_guide(replace(self.PROVIDER, tenant="acme"), "https://id.example")
        assert guide.webhook_url.startswith("https://id.example/t/acme/idv/onfido/v1/")

    def test_only_the_default_tenant_has_no_prefix(self) -> None:
        assert tenant_path("carbon.super") == ""
        assert tenant_path("acme") == "/t/acme"


@pytest.mark.parametrize("color", ["red", "#12", "#ffffff", "x" * 300])
def test_an_accent_colour_that_is_illegible_on_the_page_is_refused(color: str) -> None:
    assert refusal(replace(CONFIG, accent_color=color)).startswith("configProperties.accent_color: must")
