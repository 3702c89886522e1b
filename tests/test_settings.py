"""The settings: sources, precedence, and messages about invalid ones."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from connector.domain.tenancy import DirectoryChoice
from connector.errors import ConfigurationError
from connector.settings import Issuer, Settings, load
from connector.settings.example import reference
from connector.settings.tenancy import read_tenants
from connector.settings.tenants import Tenant

KEY = base64.b64encode(bytes(range(32))).decode()
ISSUER = {"issuer": "https://idp.example.com/oauth2/token", "audience": "connector"}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(config: Path | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(config, environ or {})
    return refused.value.description


def with_issuer(**changes: object) -> dict[str, str]:
    return {"CONNECTOR_ISSUERS": json.dumps([ISSUER | changes])}


class TestPrecedence:
    def test_defaults_need_no_file_and_no_variable(self) -> None:
        settings = load(None, {})
        assert (settings.port, settings.database_url, settings.issuers, settings.dev) == (8080, "", (), False)
        assert settings.data_dir == Path("~/.local/share/onfido-idvp-connector").expanduser()

    def test_the_file_wins_over_the_default(self, write: Any) -> None:
        settings = load(write('port = 9000\nonfido_connect_timeout = 2\nencryption_keys = ["' + KEY + '"]'), {})
        assert (settings.port, settings.onfido_connect_timeout, settings.encryption_keys) == (9000, 2.0, (KEY,))

    def test_the_environment_wins_over_the_file(self, write: Any) -> None:
        config = write("port = 9000\nallow_http_loopback = false")
        settings = load(config, {"CONNECTOR_PORT": "9001", "CONNECTOR_ALLOW_HTTP_LOOPBACK": "TRUE"})
        assert (settings.port, settings.allow_http_loopback) == (9001, True)

    def test_the_command_line_wins_over_the_environment(self) -> None:
        settings = load(None, {"CONNECTOR_PORT": "9001"}, port=9002, dev=True)
        assert (settings.port, settings.dev) == (9002, True)

    def test_an_empty_variable_counts_as_not_set(self, write: Any) -> None:
        assert load(write("port = 9000"), {"CONNECTOR_PORT": "", "CONNECTOR_CONFIG": ""}).port == 9000

    def test_a_variable_may_name_the_file_and_an_argument_overrides_it(self, write: Any, tmp_path: Path) -> None:
        environ = {"CONNECTOR_CONFIG": str(write("port = 9000"))}
        assert load(None, environ).port == 9000
        other = tmp_path / "other.toml"
        other.write_text("port = 9001")
        assert load(other, environ).port == 9001

    def test_xdg_data_home_locates_the_data_directory(self) -> None:
        assert load(None, {"XDG_DATA_HOME": "/data"}).data_dir == Path("/data/onfido-idvp-connector")
        assert load(None, {"XDG_DATA_HOME": "/data", "CONNECTOR_DATA_DIR": "/mine"}).data_dir == Path("/mine")
        assert load(None, {"XDG_DATA_HOME": "relative"}).data_dir == load(None, {}).data_dir


class TestNames:
    def test_an_unknown_name_in_the_file_is_refused_with_the_closest_one(self, write: Any) -> None:
        assert refusal(write("databse_url = 'x'")) == "There is no setting databse_url; did you mean database_url?"

    def test_an_unknown_variable_is_refused_with_the_closest_one(self) -> None:
        assert "did you mean CONNECTOR_PORT?" in refusal(environ={"CONNECTOR_PROT": "1"})
        assert refusal(environ={"CONNECTOR_XYZZY": "1"}) == "There is no setting CONNECTOR_XYZZY."

    @pytest.mark.parametrize(
        "environ",
        [
            {"CONNECTOR_PORT": "tcp://10.0.0.1:8080"},
            {"CONNECTOR_WORKER_PORT": "udp://[fd00::1]:9090"},
            {"CONNECTOR_SERVICE_HOST": "10.0.0.1", "CONNECTOR_SERVICE_PORT": "80", "CONNECTOR_SERVICE_PORT_HTTP": "80"},
            {
                "CONNECTOR_PORT_80_TCP": "tcp://10.0.0.1:80",
                "CONNECTOR_PORT_80_TCP_PROTO": "tcp",
                "CONNECTOR_PORT_80_TCP_PORT": "80",
                "CONNECTOR_PORT_80_TCP_ADDR": "10.0.0.1",
            },
            {"CONNECTOR_WORKER_SERVICE_HOST": "10.0.0.1", "CONNECTOR_WORKER_PORT_9090_TCP_ADDR": "10.0.0.1"},
        ],
    )
    def test_service_variables_of_kubernetes_are_not_settings(self, environ: dict[str, str]) -> None:
        settings = load(None, environ | {"CONNECTOR_HOST": "0.0.0.0"})
        assert (settings.host, settings.port, settings.worker_port) == ("0.0.0.0", 8080, 0)

    def test_an_unknown_name_in_an_issuer_is_refused(self) -> None:
        assert "Issuer 1: There is no setting jwks_url; did you mean jwks_uri?" in refusal(
            environ=with_issuer(jwks_url="")
        )

    @pytest.mark.parametrize("source", ["file", "environment"])
    def test_development_mode_is_for_the_command_line_alone(self, source: str, write: Any) -> None:
        if source == "file":
            assert "There is no setting dev" in refusal(write("dev = true"))
        else:
            assert "There is no setting CONNECTOR_DEV" in refusal(environ={"CONNECTOR_DEV": "true"})

    def test_unrelated_variables_are_ignored(self) -> None:
        assert load(None, {"PORT": "x", "MY_CONNECTOR_PORT": "x"}) == load(None, {})


class TestTypes:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ('port = "8080"', "port has the wrong type: it must be a whole number."),
            ("port = true", "whole number"),
            ("port = 80.5", "whole number"),
            ("host = 1", "text"),
            ('host = "a\\u0000b"', "host must not contain control characters."),
            ('data_dir = "/a\\u0000b"', "data_dir must not contain control characters."),
            ('allowed_notice_hosts = ["a\\nb"]', "allowed_notice_hosts must not contain control characters."),
            ("data_dir = 1", "path"),
            ('onfido_read_timeout = "5"', "number"),
            ("onfido_read_timeout = true", "number"),
            (f"onfido_read_timeout = 1{'0' * 400}", "number"),
            ("allow_http_loopback = 1", "true or false"),
            ('allowed_base_url_hosts = "api.eu.onfido.com"', "list of texts"),
            ("allowed_base_url_hosts = [1]", "list of texts"),
            ('issuers = "x"', "list of tables"),
            ('issuers = ["x"]', "list of tables"),
        ],
    )
    def test_a_wrong_type_in_the_file_is_named_with_the_right_one(self, line: str, expected: str, write: Any) -> None:
        description = refusal(write(line))
        assert description.startswith(line.split(" ", maxsplit=1)[0])
        assert expected in description

    @pytest.mark.parametrize("line", ["port = ", "[port", f"port = {'9' * 5000}", f"port = {'[' * 5000}{']' * 5000}"])
    def test_a_file_that_cannot_be_parsed_is_named(self, line: str, write: Any) -> None:
        assert "settings.toml must be TOML: " in refusal(write(line))

    @pytest.mark.parametrize(
        ("variable", "text", "expected"),
        [
            ("CONNECTOR_PORT", "eighty", "whole number"),
            ("CONNECTOR_ONFIDO_READ_TIMEOUT", "5s", "number"),
            ("CONNECTOR_ALLOW_HTTP_LOOPBACK", "perhaps", "true or false"),
            ("CONNECTOR_ISSUERS", "https://idp.example.com", "JSON array of objects"),
            ("CONNECTOR_ISSUERS", "{}", "JSON array of objects"),
            ("CONNECTOR_ISSUERS", "[1]", "JSON array of objects"),
        ],
    )
    def test_a_wrong_type_in_a_variable_is_named_with_the_right_one(
        self, variable: str, text: str, expected: str
    ) -> None:
        description = refusal(environ={variable: text})
        assert description.startswith(variable)
        assert expected in description
        assert text not in description

    def test_a_list_in_a_variable_is_separated_by_commas(self) -> None:
        settings = load(None, {"CONNECTOR_ALLOWED_BASE_URL_HOSTS": "api.eu.onfido.com, Proxy.Example.com,"})
        assert settings.allowed_base_url_hosts == ("api.eu.onfido.com", "proxy.example.com")

    @pytest.mark.parametrize("content", [b"port = ", b"\xff"])
    def test_a_file_that_is_not_toml_is_named(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "broken.toml"
        path.write_bytes(content)
        assert str(path) in refusal(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        assert str(tmp_path / "none.toml") in refusal(tmp_path / "none.toml")


class TestValues:
    @pytest.mark.parametrize(
        "line",
        [
            "port = 0",
            "port = 65536",
            "workers = 0",
            "threads = 0",
            "threads = 1025",
            "onfido_read_timeout = 301",
            "workers = 1000000000000",
            "event_retention_days = 36501",
            "max_body_bytes = 0",
            "onfido_connect_timeout = 0",
            "onfido_read_timeout = -1",
            "onfido_read_timeout = nan",
            "interactive_budget = inf",
            "onfido_read_retries = -1",
            "run_settle_time = -0.1",
            "run_settle_time = nan",
            'host = " "',
            'public_url = "ftp://example.com"',
            'public_url = "https://"',
            'public_url = "https://example.com/?a=b"',
            'public_url = "https://user:password@example.com"',
            'database_url = "mysql://db/x"',
            'database_url = "connector.db"',
            'allowed_origins = ["*"]',
            'allowed_origins = ["null"]',
            'allowed_origins = ["app.example.com"]',
            'allowed_origins = ["http://app.example.com"]',
            'allowed_origins = ["https://app.example.com/"]',
            'allowed_origins = ["https://App.example.com"]',
            'allowed_origins = ["https://app.example.com:443"]',
            'allowed_origins = ["http://localhost:80"]',
            'allowed_origins = ["https://*.example.com"]',
            'allowed_origins = ["https://a@b.example"]',
            'metrics_token = "fifteen-letters"',
            'metrics_token = "more than one word"',
            'metrics_token = "nön-ascii-characters"',
            'log_level = "LOUD"',
            'log_format = "xml"',
            'allowed_base_url_hosts = ["https://api.eu.onfido.com"]',
            'allowed_base_url_hosts = ["*"]',
            'allowed_base_url_hosts = [""]',
        ],
    )
    def test_a_value_out_of_range_is_refused_by_name(self, line: str, write: Any) -> None:
        name = line.split(" ", maxsplit=1)[0]
        assert refusal(write(line)).startswith(f"{name} must ")

    @pytest.mark.parametrize("line", ["run_settle_time = 14.9", "interactive_budget = 30.1"])
    def test_a_settle_time_within_the_budget_is_refused_with_both_names(self, line: str, write: Any) -> None:
        description = refusal(write(line))
        assert "run_settle_time" in description
        assert "interactive_budget" in description

    @pytest.mark.parametrize("overlap", [0, 599])
    def test_a_key_must_be_published_as_long_as_its_signatures_are_valid(self, overlap: int) -> None:
        with pytest.raises(ConfigurationError, match="signing_key_overlap"):
            Settings(signing_key_overlap=overlap)
        assert Settings(signing_key_overlap=600).signing_key_overlap == 600

    @pytest.mark.parametrize("line", ["run_settle_time = 15", "interactive_budget = 30"])
    def test_a_settle_time_equal_to_the_budget_is_accepted(self, line: str, write: Any) -> None:
        settings = load(write(line), {})
        assert settings.run_settle_time == settings.interactive_budget

    def test_command_line_options_are_validated(self) -> None:
        with pytest.raises(ConfigurationError, match="port must be between"):
            load(None, {}, port=70000)

    def test_a_url_is_stored_without_its_final_slash(self) -> None:
        environ = {"CONNECTOR_PUBLIC_URL": "https://idv.example.com/onfido/"}
        assert load(None, environ).public_url == "https://idv.example.com/onfido"

    def test_origins_are_accepted_as_browsers_write_them(self) -> None:
        origins = (
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "http://[::1]:8080",
        )
        environ = {"CONNECTOR_ALLOWED_ORIGINS": ",".join(origins)}
        assert load(None, environ).allowed_origins == origins

    def test_enumerated_words_are_case_insensitive(self) -> None:
        settings = load(None, {"CONNECTOR_LOG_LEVEL": "debug", "CONNECTOR_LOG_FORMAT": "Console"})
        assert (settings.log_level, settings.log_format) == ("DEBUG", "console")

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_a_postgresql_url_names_the_driver_that_is_installed(self, scheme: str) -> None:
        environ = {"CONNECTOR_DATABASE_URL": f"{scheme}://me:secret@db/connector"}
        assert load(None, environ).database_url == "postgresql+psycopg://me:secret@db/connector"

    def test_an_sqlite_url_stays_unchanged(self) -> None:
        assert load(None, {"CONNECTOR_DATABASE_URL": "sqlite:////tmp/x.db"}).database_url == "sqlite:////tmp/x.db"


class TestSecrets:
    def test_a_repr_shows_no_secret(self) -> None:
        settings = load(
            None, {"CONNECTOR_ENCRYPTION_KEYS": KEY, "CONNECTOR_DATABASE_URL": "postgresql://me:hunter2@db/x"}
        )
        assert KEY not in repr(settings)
        assert "hunter2" not in repr(settings)

    @pytest.mark.parametrize("key", ["hunter2", "hünter2", base64.b64encode(b"hunter2" * 3).decode()])
    def test_a_key_of_another_size_is_refused_by_its_position_and_not_shown(self, key: str) -> None:
        with pytest.raises(ConfigurationError) as refused:
            load(None, {"CONNECTOR_ENCRYPTION_KEYS": f"{KEY},{key}"})
        assert "encryption_keys entry 2 must be base64 of 32 bytes" in refused.value.description
        assert key not in refused.value.description
        assert refused.value.__cause__ is None

    def test_a_refused_database_url_is_not_shown(self) -> None:
        assert "hunter2" not in refusal(environ={"CONNECTOR_DATABASE_URL": "oracle://me:hunter2@db/x"})

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:a@hunter2@db/x",
            "postgresql://me:a@b:hunter2@db/x",
            "postgresql://me@hunter2@db/x",
            "postgresql://me:secret@db:hunter2/x",
            "postgresql://me:secret@db:5432,hunter2:5432/x",
            "postgres://me:a@hunter2@[::1]:5432/x?sslmode=verify-full",
        ],
    )
    def test_a_part_of_a_password_is_not_taken_for_a_host_or_a_port(self, url: str) -> None:
        message = refusal(environ={"CONNECTOR_DATABASE_URL": url})
        assert message.startswith("database_url must be of the form postgresql://")
        assert "%40" in message
        assert "hunter2" not in message

    @pytest.mark.parametrize(
        "rest",
        [
            *("me:hunter2@db/x", "me:a%40b@db:5432/x", "me:a/b?c#d@db/x", "me@db", "/x", "@/x?host=/run/postgresql"),
            *(
                "me:@/x?host=/run/postgresql",
                "me:hunter2@[2001:db8::1]:5432/x",
                "me:x@db/x?options=-c%20a=b@c",
                "a,b/x",
            ),
        ],
    )
    def test_urls_that_the_driver_understands_are_kept(self, rest: str) -> None:
        assert load(None, {"CONNECTOR_DATABASE_URL": f"postgresql://{rest}"}).database_url.endswith(rest)
        make_url(f"postgresql://{rest}")


class TestReferences:
    @pytest.fixture
    def secret_file(self, tmp_path: Path) -> Any:
        def write(content: bytes, mode: int = 0o600) -> str:
            path = tmp_path / "secret"
            path.write_bytes(content)
            path.chmod(mode)
            return f"file:{path}"

        return write

    @pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
    @pytest.mark.parametrize(
        ("name", "secret", "value"),
        [
            ("metrics_token", "scraper-of-the-tests", "scraper-of-the-tests"),
            ("database_url", "postgresql://me:hunter2@db/x", "postgresql+psycopg://me:hunter2@db/x"),
            ("outgoing_proxy", "http://me:hunter2@proxy:3128", "http://me:hunter2@proxy:3128"),
        ],
    )
    def test_a_secret_may_be_in_a_separate_file(
        self, write: Any, secret_file: Any, name: str, secret: str, value: str, mode: int
    ) -> None:
        reference = secret_file(f"{secret}\n".encode(), mode)
        for settings in (
            load(write(f'{name} = "{reference}"'), {}),
            load(None, {f"CONNECTOR_{name.upper()}": reference}),
        ):
            assert getattr(settings, name) == value
            assert "hunter2" not in repr(settings)

    def test_every_key_may_be_in_a_file_or_a_variable(self, secret_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        other = base64.b64encode(bytes(32)).decode()
        monkeypatch.setenv("FIRST_KEY", KEY)
        environ = {"CONNECTOR_ENCRYPTION_KEYS": f"env:FIRST_KEY,{secret_file(other.encode())}"}
        assert load(None, environ).encryption_keys == (KEY, other)

    @pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o602])
    def test_a_file_that_others_can_access_is_refused(self, secret_file: Any, mode: int) -> None:
        reference = secret_file(b"scraper-of-the-tests", mode)
        description = refusal(environ={"CONNECTOR_METRICS_TOKEN": reference})
        assert "must not be accessible to others" in description
        assert "chmod o-rwx" in description

    @pytest.mark.parametrize(
        ("content", "reason"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "must be UTF-8")]
    )
    def test_a_file_without_a_secret_is_refused(self, secret_file: Any, content: bytes, reason: str) -> None:
        assert reason in refusal(environ={"CONNECTOR_METRICS_TOKEN": secret_file(content)})

    @pytest.mark.parametrize("reference", ["env:NOT_SET", "file:/nowhere/secret", "file:/"])
    def test_a_reference_to_a_missing_file_or_variable_is_refused_by_name(self, reference: str) -> None:
        assert reference.partition(":")[2] in refusal(environ={"CONNECTOR_DATABASE_URL": reference})

    def test_a_referenced_value_is_validated_and_not_shown(self, secret_file: Any) -> None:
        description = refusal(environ={"CONNECTOR_DATABASE_URL": secret_file(b"oracle://me:hunter2@db/x")})
        assert description.startswith("database_url must be")
        assert "hunter2" not in description


class TestIssuers:
    def test_an_issuer_is_a_table_in_the_file(self, write: Any) -> None:
        config = write(
            '[[issuers]]\nissuer = "https://idp.example.com/oauth2/token"\naudience = "connector"\ntenant = "one"\n'
            '[[issuers]]\nissuer = "http://127.0.0.1:9/x"\naudience = "b"\ntoken_types = ["JWT"]\n'
        )
        first, second = load(config, {}).issuers
        assert first == Issuer("https://idp.example.com/oauth2/token", "connector", tenant="one")
        assert (second.tenant, second.token_types) == ("carbon.super", ("jwt",))

    def test_an_issuer_is_an_object_in_the_environment(self) -> None:
        (issuer,) = load(None, with_issuer(algorithms=["ES256"], tenant_claim="org")).issuers
        assert (issuer.algorithms, issuer.tenant_claim) == (("ES256",), "org")

    @pytest.mark.parametrize("name", ["issuer", "audience"])
    def test_a_missing_name_is_reported_with_the_position_of_its_issuer(self, name: str) -> None:
        entry = {key: value for key, value in ISSUER.items() if key != name}
        environ = {"CONNECTOR_ISSUERS": json.dumps([ISSUER, entry])}
        assert refusal(environ=environ) == f"Issuer 2: {name} must be set."

    @pytest.mark.parametrize(
        "changes",
        [
            {"algorithms": ["RS256", "HS256"]},
            {"algorithms": ["none"]},
            {"algorithms": []},
            {"algorithms": ["rs256"]},
            {"issuer": "http://idp.example.com"},
            {"issuer": "idp.example.com"},
            {"issuer": "https://[idp"},
            {"issuer": "https://idp.example.com?x"},
            {"jwks_uri": "http://idp.example.com/jwks"},
            {"jwks_uri": "file:///etc/passwd"},
            {"audience": ""},
            {"audience": []},
            {"audience": ["connector", " "]},
            {"profile": "keyclock"},
            {"scope_claim": ""},
            {"scope_claim": []},
            {"scope_map": {"admin": ["internal_login", "Internal_login"]}},
            {"subject_claim": " "},
            {"audience_claim": ""},
            {"access_token_claims": [""]},
            {"token_format": "saml"},
            {"introspection_endpoint": "http://idp.example.com/introspect"},
            {"client_auth": "private_key_jwt"},
            {"client_secret": "a-secret-itself"},
            {"client_secret": "env:CONNECTOR_SECRET"},
            {"client_secret": "env:a-b"},
            {"client_secret": "file:"},
            {"tenant": ""},
            {"token_types": []},
        ],
    )
    def test_an_unsafe_issuer_is_refused(self, changes: dict[str, object]) -> None:
        (name,) = changes
        assert refusal(environ=with_issuer(**changes)).startswith(f"Issuer 1: {name} must ")

    @pytest.mark.parametrize("given", [{}, {"client_id": "c"}, {"client_secret": "env:SECRET"}])
    def test_opaque_tokens_need_a_client(self, given: dict[str, str]) -> None:
        missing = [name for name in ("client_id", "client_secret") if name not in given]
        said = refusal(environ=with_issuer(token_format="opaque", **given))
        assert said == f"Issuer 1: {' and '.join(missing)} must be set if token_format is opaque."

    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"audience": 7}, "text or list of texts"),
            ({"audience": ["a", 7]}, "text or list of texts"),
            ({"scope_claim": {"a": "b"}}, "text or list of texts"),
            ({"scope_map": ["a"]}, "table of texts or lists of texts"),
            ({"scope_map": {"a": 7}}, "table of texts or lists of texts"),
            ({"scope_map": {"a": [["internal_login"]]}}, "table of texts or lists of texts"),
            ({"profile": 7}, "text"),
        ],
    )
    def test_a_value_of_another_type_is_refused(self, changes: dict[str, object], title: str) -> None:
        (name,) = changes
        assert refusal(environ=with_issuer(**changes)) == f"Issuer 1: {name} has the wrong type: it must be a {title}."

    @pytest.mark.parametrize("audience", ["connector", ["connector"], ["connector", "other"]])
    def test_one_or_several_audiences_are_accepted(self, audience: str | list[str]) -> None:
        (issuer,) = load(None, with_issuer(audience=audience)).issuers
        assert list(issuer.audiences) == ([audience] if isinstance(audience, str) else audience)

    def test_a_reference_to_a_secret_is_not_shown(self) -> None:
        (issuer,) = load(None, with_issuer(client_secret="env:THE_SECRET")).issuers
        assert "THE_SECRET" not in repr(issuer)

    @pytest.mark.parametrize("url", ["http://localhost:1/x", "http://127.8.8.8/x", "http://[::1]:1/x"])
    def test_plain_http_is_accepted_only_for_this_machine(self, url: str) -> None:
        assert load(None, with_issuer(issuer=url, jwks_uri=url)).issuers[0].issuer == url

    def test_an_issuer_named_twice_is_refused(self) -> None:
        environ = {"CONNECTOR_ISSUERS": json.dumps([ISSUER, ISSUER | {"audience": "other"}])}
        assert refusal(environ=environ) == "issuers must name every issuer once."

    @pytest.mark.parametrize(
        ("one", "other", "is_refused"),
        [
            ({}, {}, True),
            ({"tenant": "blue"}, {"tenant": "blue"}, True),
            ({"tenant_claim": "org"}, {}, True),
            ({"tenant": "blue"}, {"tenant_claim": "org"}, True),
            ({"tenant_claim": "org"}, {"tenant_claim": "realm"}, True),
            ({"shares_users": True}, {}, True),
            ({}, {"shares_users": True}, True),
            ({"shares_users": True}, {"shares_users": True}, False),
            ({"tenant_claim": "org", "shares_users": True}, {"shares_users": True}, False),
            ({"tenant": "blue"}, {"tenant": "red"}, False),
            ({"tenant": "blue"}, {}, False),
        ],
    )
    def test_two_issuers_that_can_name_one_tenant_must_share_its_users(
        self, one: dict[str, Any], other: dict[str, Any], is_refused: bool
    ) -> None:
        common = {"audience": "connector"}
        apart = {"issuer": "https://apart.example.com", "tenant": "apart"}
        issuers = [
            apart | common,
            {"issuer": "https://one.example.com"} | common | one,
            {"issuer": "https://other.example.com"} | common | other,
        ]
        if any("tenant_claim" in each for each in (one, other)):
            issuers.pop(0)  # an issuer with `tenant_claim` may name any tenant
        environ = {"CONNECTOR_ISSUERS": json.dumps(issuers)}
        if is_refused:
            assert "(https://one.example.com and https://other.example.com)" in refusal(environ=environ)
        else:
            assert len(load(None, environ).issuers) == len(issuers)


class TestTenants:
    def test_a_tenant_has_its_own_issuers_pages_and_limits(self, write: Any) -> None:
        config = write(
            'allowed_origins = ["https://app.example"]\n'
            '[[tenants]]\nname = "acme"\nallowed_origins = ["https://acme.example"]\n'
            '[[tenants.issuers]]\nissuer = "https://idp.acme.example"\naudience = "connector"\n'
            "[tenants.limits]\ncalls = 3\n"
            '[[tenants]]\nname = "umbrella"\n'
        )
        settings = load(config, {})
        (issuer,) = settings.all_issuers
        assert (issuer.issuer, issuer.tenant) == ("https://idp.acme.example", "acme")
        acme, umbrella, other = map(read_tenants(settings).named, ("acme", "umbrella", "other"))
        assert acme.allowed_origins == {"https://app.example", "https://acme.example"}
        assert umbrella.allowed_origins == other.allowed_origins == {"https://app.example"}
        assert (acme.limits.calls, acme.limits.calls_of_a_user, umbrella.limits.calls) == (3, None, None)
        assert acme.directory == umbrella.directory == DirectoryChoice()

    def test_a_tenant_may_have_its_own_trust_framework(self) -> None:
        tenants = [{"name": "acme", "trust_framework": "acme"}, {"name": "umbrella", "assurance_level": "unused"}]
        environ = {"CONNECTOR_TENANTS": json.dumps(tenants), "CONNECTOR_TRUST_FRAMEWORK": "ours"}
        named = read_tenants(load(None, environ | {"CONNECTOR_ASSURANCE_LEVEL": "high"})).named
        assert [vars(named(name).assurance) for name in ("acme", "umbrella", "other")] == [
            {"trust_framework": "acme", "level": ""},
            {"trust_framework": "ours", "level": "high"},
            {"trust_framework": "ours", "level": "high"},
        ]
        assert vars(read_tenants(load(None, {})).named("other").assurance) == {"trust_framework": "", "level": ""}

    def test_tenants_are_objects_in_the_environment(self) -> None:
        tenants = [{"name": "acme", "issuers": [ISSUER]}, {"name": "umbrella"}]
        settings = load(None, {"CONNECTOR_TENANTS": json.dumps(tenants)})
        assert [each.name for each in settings.tenants] == ["acme", "umbrella"]
        assert [each.tenant for each in settings.all_issuers] == ["acme"]

    @pytest.mark.parametrize(
        ("tenant", "reason"),
        [
            ({}, "Tenant 1: name must be set."),
            ({"name": ""}, "Tenant 1: name must "),
            ({"name": "a/b"}, "Tenant 1: name must "),
            ({"name": ".."}, "Tenant 1: name must "),
            ({"name": "a" * 129}, "Tenant 1: name must "),
            ({"name": "acme", "issuer": []}, "Tenant 1: There is no setting issuer; did you mean issuers?"),
            (
                {"name": "acme", "issuers": [{"issuer": "https://a.example"}]},
                "Tenant 1: Issuer 1: audience must be set.",
            ),
            ({"name": "acme", "issuers": [ISSUER | {"tenant": "other"}]}, "Tenant 1: the issuer "),
            ({"name": "acme", "issuers": [ISSUER | {"tenant_claim": "org"}]}, "Tenant 1: the issuer "),
            ({"name": "acme", "issuers": [ISSUER | {"shares_users": True}]}, "Tenant 1: the issuer "),
            ({"name": "acme", "allowed_origins": ["*"]}, "Tenant 1: allowed_origins must "),
            ({"name": "acme", "directory": {"kind": "ldap"}}, "Tenant 1: Directory: kind must "),
            ({"name": "acme", "directory": {"kind": ["local"]}}, "Tenant 1: Directory: kind has "),
            ({"name": "acme", "directory": {"url": "https://a.example"}}, "Tenant 1: Directory: url must "),
            ({"name": "acme", "directory": []}, "Tenant 1: directory has the wrong type"),
            ({"name": "acme", "limits": {"calls": -1}}, "Tenant 1: Limits: calls must "),
            ({"name": "acme", "limits": {"call": 1}}, "Tenant 1: Limits: There is no setting call"),
            (
                {"name": "acme", "issuers": [{"issuer": "https://a.example", "audiences": "a"}]},
                "Tenant 1: Issuer 1: There is no setting audiences; did you mean audience?",
            ),
        ],
    )
    def test_an_invalid_tenant_is_refused_with_its_position(self, tenant: dict[str, Any], reason: str) -> None:
        assert refusal(environ={"CONNECTOR_TENANTS": json.dumps([tenant])}).startswith(reason)

    def test_a_tenant_named_twice_is_refused(self) -> None:
        environ = {"CONNECTOR_TENANTS": json.dumps([{"name": "acme"}, {"name": "acme"}])}
        assert refusal(environ=environ) == "tenants must name every tenant once."

    @pytest.mark.parametrize(
        ("flat", "shares", "reason"),
        [
            ([], False, "issuers must not let two issuers name one tenant"),
            ([], True, ""),
            ([ISSUER], True, ""),
            (
                [ISSUER | {"issuer": "https://one.example", "tenant": "other"}],
                True,
                "issuers must name every issuer once",
            ),
            ([ISSUER | {"tenant": "acme"}], True, "issuers must not let two issuers name one tenant"),
            ([ISSUER | {"tenant_claim": "org"}], True, "issuers must not let two issuers name one tenant"),
        ],
    )
    def test_issuers_of_both_forms_are_checked_together(
        self, flat: list[dict[str, Any]], shares: bool, reason: str
    ) -> None:
        issuers = [{"issuer": f"https://{name}.example", "audience": "connector"} for name in ("one", "two")]
        tenants = [{"name": "acme", "shares_users": shares, "issuers": issuers}]
        environ = {"CONNECTOR_TENANTS": json.dumps(tenants), "CONNECTOR_ISSUERS": json.dumps(flat)}
        if reason:
            assert refusal(environ=environ).startswith(reason)
        else:
            assert len(load(None, environ).all_issuers) == len(issuers) + len(flat)


class TestReference:
    def test_the_documented_example_is_up_to_date(self) -> None:
        committed = Path(__file__).parents[1] / "config" / "settings.toml"
        assert committed.read_text(encoding="utf-8") == reference()

    def test_the_module_prints_the_documented_settings(self) -> None:
        printed = subprocess.run([sys.executable, "-m", "connector.settings"], capture_output=True, check=True)
        assert printed.stdout.decode() == reference()

    def test_the_documented_settings_change_nothing_as_they_are(self, write: Any) -> None:
        assert load(write(reference()), {}) == load(None, {})

    def test_the_documented_settings_contain_every_setting_with_its_default(self, write: Any) -> None:
        uncommented = re.sub(r"^#(?=[\w\[])", "", reference(), flags=re.MULTILINE)
        assert set(tomllib.loads(uncommented)) == {name for name in Settings.__dataclass_fields__ if name != "dev"}
        settings = load(write(uncommented), {})
        (example,), (tenant,) = settings.issuers, settings.tenants
        assert example == Issuer(example.issuer, example.audience)
        assert tenant == Tenant(tenant.name, issuers=tenant.issuers)
        assert settings == load(None, {}, issuers=settings.issuers, tenants=settings.tenants)

    @pytest.mark.parametrize("name", sorted(set(Settings.__dataclass_fields__) - {"dev"}))
    def test_the_documented_settings_name_the_variable_of_every_setting(self, name: str) -> None:
        assert f"CONNECTOR_{name.upper()}" in reference()
