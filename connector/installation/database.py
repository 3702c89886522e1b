"""Whether the database answers, how it is reached, and whether its schema is this version's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.errors import ConfigurationError, DatabaseUnavailable
from connector.installation import warning
from connector.store.engine import TOO_NEW, Database
from connector.store.schema import Fit

DATABASE, TLS, SCHEMA, WRITES = "database", "tls", "schema", "writes"
OLDEST_SERVER = 14
_VERSION = text("SHOW server_version")
_IS_ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
_ADVICE = "Check `database_url`, that the server runs, and that it admits this host and role."
_ADVICE_OF_FILE = "Check the file %s, its disk and who may write to it, or restore a backup."
_BY_FIT = {
    Fit.FITS: Check(SCHEMA, True, message("It is this version's, or one that this version can use.")),
    Fit.BEHIND: Check(SCHEMA, False, message("It is not this version's: run `connector migrate`.")),
    Fit.AHEAD: Check(SCHEMA, False, TOO_NEW),
}


def check_database(url: str) -> Iterator[Check]:
    """Run the checks; later ones only if the earlier ones passed."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        path = Path(parts.database or "")
        if not path.exists():
            yield Check(
                DATABASE, None, message("There is no file %(path)s yet: the first start creates it.", path=str(path))
            )
            return
    yield from _opened(url, parts)


def _opened(url: str, parts: URL) -> Iterator[Check]:
    try:
        database = Database(url)
    except ConfigurationError as error:
        yield Check(DATABASE, False, error.description)
        return
    try:
        yield from _asked(database, parts)
    except DatabaseUnavailable as error:
        yield _unusable(parts, error.reason)
    except DBAPIError as error:  # such as an option of the URL that the driver does not know
        yield _unusable(parts, str(error.orig).strip().partition("\n")[0])
    finally:
        database.close()


def _unusable(parts: URL, reason: str) -> Check:
    advice = _ADVICE_OF_FILE % parts.database if parts.get_backend_name() == "sqlite" else _ADVICE
    sentence = reason.removesuffix("?").rstrip(".")
    return Check(DATABASE, False, message("%(reason)s. %(advice)s", reason=sentence, advice=advice))


def _asked(database: Database, parts: URL) -> Iterator[Check]:
    schema = _BY_FIT[database.fit()]
    if database.is_sqlite:
        yield Check(DATABASE, True, message("It answers."))
    else:
        with database.read() as connection:
            version, is_encrypted = (str(connection.execute(each).scalar()) for each in (_VERSION, _IS_ENCRYPTED))
        yield _server(version)
        yield check_tls(parts, is_encrypted=is_encrypted == "True")
    yield schema
    if schema.passed:
        database.check_writable()
        yield Check(WRITES, True, message("It accepts writes."))


def _server(version: str) -> Check:
    major = int(re.split(r"\D", version, maxsplit=1)[0])
    if major < OLDEST_SERVER:
        return Check(
            DATABASE,
            False,
            message(
                "PostgreSQL %(version)s is too old: use %(oldest_server)s or newer.",
                version=version,
                oldest_server=OLDEST_SERVER,
            ),
        )
    return Check(DATABASE, True, message("PostgreSQL %(version)s answers.", version=version))


def check_tls(url: URL, *, is_encrypted: bool) -> Check:
    """Check that a remote server is reached over TLS, and that its certificate is checked."""
    mode = str(url.query.get("sslmode", "prefer"))
    if is_near(url):
        return Check(TLS, True, message("Not needed, because the database is on this machine."))
    if not is_encrypted:
        advice = "use `sslmode=verify-full&sslrootcert=system`, or the file of its authority"
        return warning(
            TLS,
            message(
                "The connection is not encrypted: passwords and data cross the network. In the URL %(advice)s.",
                advice=advice,
            ),
        )
    if mode != "verify-full":
        advice = "use `sslmode=verify-full&sslrootcert=system`"
        return warning(
            TLS,
            message(
                "With `sslmode=%(mode)s` another server may impersonate the database: %(advice)s.",
                mode=mode,
                advice=advice,
            ),
        )
    return Check(TLS, True, message("The connection is encrypted, and the server's certificate is checked."))


def is_near(url: URL) -> bool:
    """Whether a URL leads to this machine: to a socket file, or to loopback."""
    host = str(url.query.get("host", url.host or ""))
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def key_files(url: str) -> list[Path]:
    """Return the files with secrets that the database's URL names."""
    query = make_url(url).query
    return [Path(str(query[name])) for name in ("sslkey", "passfile") if name in query]
