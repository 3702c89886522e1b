"""Every setting, once: its type, its default and one sentence of description.

    defaults ──► TOML file ──► CONNECTOR_<NAME> in the environment ──► command line      (the later one wins)

    fields.py    how a declared setting is read and shown
    checks.py    the validation of values
    files.py     reading the TOML file
    example.py   the documented example
    notes.py     the source of each setting
    shown.py     how settings may be displayed
    issuers.py   the settings of an issuer; profiles.py: their defaults, by product
    texts.py     the characters allowed in a text; secret.py: secrets that are referenced instead of contained
    tenants.py   the settings of a tenant; directory.py, signals.py: parts of them; tenancy.py: the tenants described

A setting is one field of `Settings`; its reader and its entry in `config/settings.toml` are derived from it.
After a change: `python -m connector.settings > config/settings.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.tenancy import DEFAULT_TENANT
from connector.errors import ConfigurationError
from connector.settings import checks
from connector.settings.fields import CONFIG_VARIABLE, Checked, read_environment, read_table, setting
from connector.settings.files import read_file
from connector.settings.issuers import Issuer, distinct
from connector.settings.notes import Noted, noted, sources
from connector.settings.secret import or_reference, secret_files
from connector.settings.signals import SignalSettings
from connector.settings.tenants import Tenant, all_issuers, distinct_tenants, tenant_name

__all__ = ["Issuer", "Settings", "load"]

DIRECTORY = "onfido-idvp-connector"


@frozen
class Settings(Noted, Checked):
    """The settings of an operator; `dev` can be set on the command line only."""

    data_dir: Path = setting(
        Path("~/.local/share", DIRECTORY),
        "The directory of the embedded database and its keys, mode 0700 (in XDG_DATA_HOME if that is set).",
        checks.directory,
        section="Storage",
    )
    database_url: str = setting(
        "",
        "The database, `postgresql://…?sslmode=verify-full` or `sqlite:///…`; empty: an SQLite file in `data_dir`.",
        or_reference(checks.database),
        is_secret=True,
    )
    encryption_keys: tuple[str, ...] = setting(
        (),
        "Base64 of 32 bytes each; the first encrypts, all decrypt; empty: a key file in `data_dir`.",
        or_reference(checks.key_material),
        is_secret=True,
    )

    public_url: str = setting(
        "http://127.0.0.1:8080", "The connector's URL for callers and Onfido.", checks.base_url, section="Server"
    )
    host: str = setting("127.0.0.1", "The address to listen on.", checks.not_empty)
    port: int = setting(8080, "The port to listen on.", checks.port_number)
    metrics_token: str = setting(
        "",
        "The bearer token that /metrics requires; empty: `connector serve` shows no metrics, and `connector worker` "
        "shows them to anyone who can reach `worker_port`.",
        or_reference(checks.metrics_token),
        is_secret=True,
    )
    allowed_origins: tuple[str, ...] = setting(
        (), "Origins whose pages may call the API from a browser, such as `https://app.example.com`.", checks.origins
    )
    workers: int = setting(1, "Processes that serve requests.", checks.between(1, 256))
    threads: int = setting(
        8,
        "Threads in each process that answer the API's requests; a quarter as many additional threads answer webhooks.",
        checks.between(1, 1024),
    )
    graceful_timeout: int = setting(
        30,
        "Seconds in which requests and deliveries in flight have to finish when the process is stopped.",
        checks.between(1, 3600),
    )
    max_body_bytes: int = setting(
        1048576,
        "The largest accepted body of a webhook, in bytes; the API accepts at most 65536.",
        checks.between(1, 104_857_600),
    )

    onfido_connect_timeout: float = setting(
        5.0, "Seconds to wait for a connection to Onfido.", checks.at_most(300), section="Onfido"
    )
    onfido_read_timeout: float = setting(30.0, "Seconds for a whole answer from Onfido.", checks.at_most(300))
    onfido_read_retries: int = setting(2, "How often a failed read from Onfido is tried again.", checks.between(0, 10))
    onfido_rate_limit: float = setting(
        400.0,
        "The maximum number of calls per minute to one Onfido account, by all processes together.",
        checks.at_most(10_000_000),
    )
    onfido_circuit_failures: int = setting(
        5,
        "Consecutive calls without an answer after which calls to Onfido are paused (circuit breaker).",
        checks.between(1, 10_000_000),
    )
    interactive_budget: float = setting(
        15.0, "Seconds that all calls to Onfido of one request may take together.", checks.at_most(300)
    )
    run_settle_time: float = setting(
        30.0,
        "Seconds after an unanswered start of a run before another may be started: "
        "by then Onfido's list of runs must show it if it exists. At least `interactive_budget`.",
        checks.between(0.0, 3600.0),
    )
    allowed_base_url_hosts: tuple[str, ...] = setting(
        ("api.eu.onfido.com", "api.us.onfido.com", "api.ca.onfido.com"),
        "Hosts that may receive API tokens.",
        checks.host_names,
    )
    allowed_notice_hosts: tuple[str, ...] = setting(
        (), "Hosts that may receive notices; empty: no notices are sent.", checks.host_names
    )
    allowed_notice_networks: tuple[str, ...] = setting(
        (),
        "Networks besides the public Internet to which notices may be sent, such as `10.1.0.0/16`: all other private "
        "and link-local addresses are refused.",
        checks.networks,
    )
    notice_secret_overlap: int = setting(
        86_400,
        "Seconds that a replaced secret of a notice endpoint is still used for signing, besides the new one.",
        checks.between(0, 31_622_400),
    )
    notice_ca_file: str = setting(
        "",
        "A file with the certificates (PEM) that are trusted when notices are sent, instead of the public authorities.",
    )
    outgoing_proxy: str = setting(
        "",
        "The proxy, `http://host:port`, for https to issuers, directories and applications; empty: none. "
        "Proxy variables of the environment are ignored.",
        or_reference(checks.proxy_url),
        is_secret=True,
    )
    allow_http_loopback: bool = setting(
        False, "Allow API tokens and notices to be sent over http to this machine, for the simulator."
    )

    trust_framework: str = setting(
        "",
        "The name of your trust framework, by which users are verified, in verified claims; empty: the "
        "URL of the connector with the tenant's path. The connector claims no framework of NIST, ETSI or eIDAS.",
        section="Verified claims",
    )
    assurance_level: str = setting("", "The level of assurance in that trust framework; empty: none is claimed.")
    openid_dialects: tuple[str, ...] = setting(
        (), "Files whose [userinfo.claims] map claims to OpenID's names in verified claims; empty: `oidc` and `wso2`."
    )
    verified_claims_lifetime: int = setting(
        600, "Seconds that a signed answer with verified claims is valid.", checks.between(1, 31_622_400)
    )
    signing_key_overlap: int = setting(
        86_400,
        "Seconds that a signing key stays published after it was replaced. At least `verified_claims_lifetime`.",
        checks.between(1, 31_622_400),
    )

    openid_secret_overlap: int = setting(
        86_400,
        "Seconds that the secret of a client of the OpenID provider stays valid after it was replaced.",
        checks.between(0, 31_622_400),
        section="OpenID provider",
    )
    guest_retention_days: int = setting(
        90,
        "Days until a guest, a person verified for an OpenID client, is removed here and at Onfido.",
        checks.between(7, 36_500),
    )

    webhook_token_overlap: int = setting(
        86_400,
        "Seconds that a webhook token stays valid after it was replaced.",
        checks.between(0, 31_622_400),
        section="Upkeep",
    )
    event_retention_days: int = setting(30, "Days that events' bodies are kept, encrypted.", checks.between(1, 36_500))
    delivery_retention_days: int = setting(
        30, "Days that completed deliveries are kept, with the receiver's answers.", checks.between(1, 36_500)
    )
    sweep_interval: int = setting(
        60, "Seconds between two checks for overdue runs, by one worker at a time.", checks.between(1, 86_400)
    )
    worker_threads: int = setting(4, "Threads of `connector worker`.", checks.between(1, 1024))
    worker_port: int = setting(
        0,
        "The port, on `host`, where `connector worker` answers /healthz, /readyz and /metrics; 0: none.",
        checks.port_number_or_none,
    )
    worker_in_server: str = setting(
        "auto",
        "Whether `connector serve` also does the worker's tasks in a thread: always, never, or auto (with SQLite).",
        checks.one_of("auto", "always", "never"),
    )

    console_enabled: bool = setting(
        True, "Whether the console is enabled, the administrators' web site at `/console`.", section="Console"
    )
    console_threads: int = setting(
        4, "Threads in each process for the console's pages, besides those of the API.", checks.between(1, 1024)
    )
    console_session_lifetime: int = setting(
        28_800, "Seconds after which a person has to sign in to the console again.", checks.between(60, 31_622_400)
    )
    console_idle_time: int = setting(
        1_800,
        "Seconds without use after which a person has to sign in again; an open page's own requests do not count.",
        checks.between(60, 31_622_400),
    )

    log_level: str = setting(
        "INFO",
        "The least severity that is logged: DEBUG, INFO, WARNING or ERROR.",
        checks.one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        section="Logs",
    )
    log_format: str = setting(
        "auto",
        "The format: json, console, or auto (console on a terminal, json otherwise).",
        checks.one_of("auto", "json", "console"),
    )

    operator_tenant: str = setting(
        DEFAULT_TENANT,
        "The operator's tenant: only its callers may see the settings in force and the connections of all tenants.",
        tenant_name,
        section="Access",
    )
    issuers: tuple[Issuer, ...] = setting(
        (), "The authorization servers whose access tokens are accepted: the short form for one tenant.", distinct
    )
    tenants: tuple[Tenant, ...] = setting(
        (), "The organizations that share the deployment, if there are several.", distinct_tenants
    )
    signals: SignalSettings = setting(SignalSettings(), "The contents of signals about users' assurance.")
    dev: bool = False

    def warnings(self) -> list[str]:
        """Return a warning for each thing that is unsafe in production."""
        sentences = []
        if self.dev:
            sentences.append("--dev: tokens of the development issuer are accepted; its key allows calls as any user.")
        if self.allow_http_loopback:
            sentences.append("allow_http_loopback: API tokens and notices may be sent over http to this machine.")
        if self.missing_secrets():
            sentences.append("A secret file cannot be read any more; its former content is used: see the log.")
        return sentences

    @property
    def database(self) -> str:
        """The URL of the configured database, or of the embedded one in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'connector.db'}"

    @property
    def all_issuers(self) -> tuple[Issuer, ...]:
        """The issuers of both forms, each with its tenant."""
        return all_issuers(self.issuers, self.tenants)

    def does_workers_part(self, *, is_sqlite: bool) -> bool:
        """Whether `connector serve` also does the tasks of `connector worker`."""
        return self.worker_in_server == "always" or (self.worker_in_server == "auto" and is_sqlite)

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.lasts(self, "run_settle_time", "interactive_budget", "a run may be requested until then")
        checks.lasts(self, "signing_key_overlap", "verified_claims_lifetime", "answers must be verifiable that long")
        try:
            self.all_issuers  # noqa: B018  checked together: an issuer of one form must not name a tenant of the other
        except ValueError as error:
            raise ConfigurationError(f"issuers {error}.") from None


def load(config: Path | None, environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Read the settings: defaults, then the TOML file, then the environment, then `overrides`.

    The file is `config`, or the one that `CONNECTOR_CONFIG` names. Raises `ConfigurationError`, naming the setting.
    """
    data_home, file = Path(environ.get("XDG_DATA_HOME", "")), dict[str, Any]()
    values: dict[str, Any] = {"data_dir": data_home / DIRECTORY} if data_home.is_absolute() else {}
    if path := config or environ.get(CONFIG_VARIABLE):
        file = read_table(Settings, read_file(Path(path)))
    variables = read_environment(Settings, environ)
    given = values | file | variables | overrides
    notes = {"sources": sources(values, file, variables, overrides), "secret_files": secret_files(given)}
    return noted(Settings(**given), **notes)
