"""The tree of errors.

    ConnectorError
    ├── RequestError         the caller can correct it
    │   └── DirectoryError   the user directory failed or refused; says whether a retry can help
    ├── InvalidField         a field of the request is invalid; the API that received it adds its code
    │   └── InvalidQuery     a query parameter is invalid
    ├── ChangedMeanwhile     the object was changed since it was read; nothing was saved
    ├── TooManyRequests      the caller can repeat the call later
    ├── OnfidoError          Onfido failed or refused; says whether a retry can help
    └── ConfigurationError   the operator can correct it; the process refuses to start
    DatabaseUnavailable      the database is unavailable; nothing is acknowledged

Every error has a `description` for people: it says what is wrong and what to do next, and never contains a
secret, a personal value, SQL or a stack trace. A `RequestError` and an `OnfidoError` carry a `Code` of the HTTP
contract as well. The API turns codes into HTTP statuses in one table (`connector/api/errors.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

# Statuses of an intermediary that did not wait or closed the connection; 444, 460 and 499 are non-standard.
NO_ANSWER = frozenset({408, 425, 444, 460, 499})


class Code(StrEnum):
    """The error codes of the HTTP contract; each with its `message`."""

    message: str

    def __new__(cls, value: str, message: str) -> Code:
        member = str.__new__(cls, value)
        member._value_ = value
        member.message = message
        return member

    PROVIDER_NOT_FOUND = "IDVP-60000", "No such identity verification provider"
    PROVIDER_NAME_TAKEN = "IDVP-60001", "An identity verification provider of this name exists already"
    PROVIDER_INVALID = "IDVP-60002", "Invalid request body"
    PROVIDER_TYPE_FIXED = "IDVP-60003", "The type of an identity verification provider cannot change"
    PROVIDER_LIST_INVALID = "IDVP-60004", "Invalid filter, limit or offset"
    VERIFICATION_NOT_FOUND = "IDVP-60010", "No such verification run"
    FILE_UNAVAILABLE = "IDVP-60011", "The file is not available"
    VERIFICATION_NOT_ENDED = "IDVP-60012", "The run has not ended"
    VERIFICATION_NOT_DECIDABLE = "IDVP-60013", "The run cannot be decided"
    TASK_NOT_FOUND = "IDVP-60014", "No such task"
    TASK_CLOSED = "IDVP-60015", "The task can no longer be completed"
    APPLICANT_NOT_FOUND = "IDVP-60016", "No such applicant"
    WEBHOOK_NOT_FOUND = "IDVP-60017", "No webhook is registered at Onfido"
    WEBHOOK_REFUSED = "IDVP-60018", "Onfido refused the webhook"
    DELIVERY_NOT_FOUND = "IDVP-60019", "No such delivery"
    ENDPOINT_NOT_FOUND = "IDVP-60020", "No such notice endpoint"
    RESULT_NOT_KEPT = "IDVP-60021", "The run's output is not kept"
    EVENT_NOT_FOUND = "IDVP-60030", "No such event"
    EVENT_BODY_GONE = "IDVP-60031", "The event's body is not kept"
    JOB_NOT_FOUND = "IDVP-60070", "No such job"
    JOB_RESULT_UNAVAILABLE = "IDVP-60071", "The job has no result"
    JOB_ENDED = "IDVP-60072", "The job has ended"
    JOB_KEY_USED = "IDVP-60073", "The Idempotency-Key belongs to another job"
    OPENID_CLIENT_NOT_FOUND = "IDVP-60090", "No such client of the OpenID provider"
    STREAM_NOT_FOUND = "IDVP-60100", "No such stream of signals"
    STREAM_DISABLED = "IDVP-60101", "The stream of signals is disabled"
    STREAM_LIMIT = "IDVP-60102", "Too many streams or subjects"
    PROVIDER_UNEXPECTED = "IDVP-65000", "Unexpected error"
    PROVIDER_DATABASE_AWAY = "IDVP-65001", "The database is not available"

    CLAIM_NOT_FOUND = "IDV-10000", "No such claim"
    USER_NOT_FOUND = "IDV-10001", "No such user"
    CLAIM_PROVIDER_NOT_FOUND = "IDV-10003", "No such identity verification provider"
    CLAIM_EXISTS = "IDV-10004", "The claim exists already"
    CLAIM_INVALID = "IDV-10005", "Invalid request body"
    CLAIM_UNEXPECTED = "IDV-15000", "Unexpected error"
    CLAIM_DATABASE_AWAY = "IDV-15001", "The database is not available"

    STATUS_MISSING = "OIDV-10000", "The verification status is missing"
    VALUE_MISSING = "OIDV-10002", "A requested claim has no value"
    VERIFICATION_OPEN = "OIDV-10004", "A verification is open"
    INITIATION_FAILED = "OIDV-10006", "Onfido did not start the verification"
    PROVIDER_UNAVAILABLE = "OIDV-10009", "The identity verification provider is unknown or disabled"
    NO_VERIFICATION = "OIDV-10014", "There is no verification to complete or resume"
    CONFIGURATION_INVALID = "OIDV-10016", "A configuration property is empty or invalid"
    STATUS_INVALID = "OIDV-10020", "Unknown verification status"
    NOT_AWAITING_INPUT = "OIDV-10033", "The verification does not await input"
    CLAIMS_EMPTY = "OIDV-10034", "The list of claims is empty"
    CLAIM_NOT_MAPPED = "OIDV-10037", "A requested claim has no mapping"
    TOKEN_REFUSED = "OIDV-10038", "Onfido refused the API token"
    BASE_URL_WRONG = "OIDV-10039", "The base URL is wrong"
    WORKFLOW_REFUSED = "OIDV-10042", "Onfido refused the workflow"
    APPLICANT_REFUSED = "OIDV-10043", "Onfido refused the applicant's data"
    ATTEMPT_LIMIT = "OIDV-10044", "Too many attempts"
    ONFIDO_THROTTLES = "OIDV-10045", "Onfido's rate limit is reached"
    ONFIDO_UNREACHABLE = "OIDV-10046", "Onfido cannot be reached"
    TASK_REFUSED = "OIDV-10047", "Onfido refused the task's data"
    BEING_STARTED = "OIDV-10048", "The verification is being started"
    NOTHING_TO_VERIFY = "OIDV-10049", "There is nothing to verify"
    NEEDS_THE_USER = "OIDV-10050", "The user's values can only be read in the user's own request"
    DIRECTORY_UNREACHABLE = "OIDV-10051", "The user directory cannot be reached"
    DIRECTORY_REFUSED = "OIDV-10052", "The user directory refused the request"

    WEBHOOK_PROVIDER_UNKNOWN = "OIDV-60001", "No such identity verification provider"
    WEBHOOK_SIGNATURE_WRONG = "OIDV-60002", "The signature is missing or wrong"
    WEBHOOK_UNREADABLE = "OIDV-60007", "The body is not an event"
    WEBHOOK_TOO_LARGE = "OIDV-60008", "The body is too large"
    WEBHOOK_UNEXPECTED = "OIDV-65000", "Unexpected error"
    WEBHOOK_DATABASE_AWAY = "OIDV-65001", "The database is not available"


def message_of(code: str) -> str:
    """Return the message of a stored code; empty for one that this version does not know."""
    return next((known.message for known in Code if known == code), "")


class ConnectorError(Exception):
    """The root; `description` is shown to the caller."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description

    @property
    def summary(self) -> str:
        """The text that may be stored and logged; it excludes messages of others, which may quote values."""
        return self.description


class RequestError(ConnectorError):
    """The request cannot be carried out; the caller can correct it.

    `retry_after` (seconds) is set if the same request can succeed later, `claims` if only some of the requested claims
    are at fault.
    """

    def __init__(
        self, code: Code, description: str, *, retry_after: int | None = None, claims: Sequence[str] = ()
    ) -> None:
        super().__init__(description)
        self.code = code
        self.retry_after = retry_after
        self.claims = tuple(claims)


class DirectoryError(RequestError):
    """The user directory refused, failed or could not be reached; nothing was changed.

    `status` is its answer's HTTP status, None without an answer. `is_retryable`: the same request may succeed later.
    `is_permanent`: it cannot succeed before an administrator has changed something.
    """

    def __init__(
        self,
        code: Code,
        description: str,
        *,
        status: int | None = None,
        retry_after: int | None = None,
        is_permanent: bool = False,
    ) -> None:
        super().__init__(code, description, retry_after=retry_after)
        self.status = status
        self.is_permanent = is_permanent

    @property
    def is_retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self.code is Code.DIRECTORY_UNREACHABLE


class InvalidField(ConnectorError):  # noqa: N818  it is the field that is at fault
    """A field of the request is refused: `where` it is, and `why`, as a requirement ("must be …").

    It has no code of the contract, because several APIs, each with its own code, accept the same field.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}.")
        self.where = where
        self.why = why


class ChangedMeanwhile(ConnectorError):  # noqa: N818  it is a state, not a defect
    """The object was changed by someone else since it was read; nothing was saved."""


class InvalidQuery(InvalidField):
    """A parameter of the request's query is refused."""


class TooManyRequests(ConnectorError):  # noqa: N818  HTTP's own name for it
    """The caller sends requests too often, or too many at once; the same request will succeed after `retry_after`
    seconds.
    """

    def __init__(self, description: str, retry_after: int) -> None:
        super().__init__(description)
        self.retry_after = retry_after


class OnfidoError(ConnectorError):
    """Onfido refused, failed or could not be reached.

    `status` is the answer's HTTP status (None without an answer), `type` Onfido's error type, `request_id` the id that
    Onfido's support needs. `is_retryable`: the same request may succeed later, after `retry_after` seconds. `is_sent`:
    the request may have reached Onfido and may have been carried out. `is_onfidos`: the answer has an error body in
    Onfido's format; any other answer may come from a proxy, and does not show what Onfido has done. `fields` are the
    names of the fields that Onfido refused.
    """

    def __init__(
        self,
        code: Code,
        description: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002  Onfido's own name
        request_id: str | None = None,
        retry_after: int | None = None,
        is_sent: bool = True,
        is_onfidos: bool = False,
        fields: Sequence[str] = (),
    ) -> None:
        super().__init__(description)
        self.code = code
        self.status = status
        self.type = type
        self.request_id = request_id
        self.retry_after = retry_after
        self.is_sent = is_sent
        self.is_onfidos = is_onfidos
        self.fields = tuple(fields)

    @property
    def summary(self) -> str:
        """The code, the refused fields, and the request's id at Onfido; none of Onfido's messages."""
        if self.status is None:
            return self.description  # without an answer, the description is the connector's own
        facts = (*self.fields, self.type, f"HTTP {self.status}", self.request_id and f"request id {self.request_id}")
        return f"{self.code} {self.code.message} ({', '.join(filter(None, facts))})."

    @property
    def is_refusal(self) -> bool:
        """Whether Onfido itself refused the request, which was then not carried out."""
        return self.is_onfidos and self.status is not None and is_refusing(self.status)

    @property
    def is_gone(self) -> bool:
        """Whether the object does not exist, or no longer exists, at Onfido."""
        return self.is_onfidos and self.status in (404, 410)

    @property
    def is_misunderstood(self) -> bool:
        """Whether Onfido carried out the request, but its answer cannot be read."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004  HTTP's 2xx

    @property
    def is_retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self.code in (Code.ONFIDO_THROTTLES, Code.ONFIDO_UNREACHABLE)


def is_refusing(status: int) -> bool:
    """Whether a status in Onfido's own answer means that the request was not carried out."""
    return status // 100 == 4 and status not in NO_ANSWER  # noqa: PLR2004  HTTP's 4xx


class DatabaseUnavailable(Exception):  # noqa: N818  it is a state, not a defect
    """The database is unavailable, or accepts no writes now; nothing is acknowledged.

    It is not a `ConnectorError`, so that it is never handled as an answer to the request. `reason` has the driver's
    message, for the log and the operator only; `is_reached` is false if there was no connection, or it broke.
    `summary` may be stored.
    """

    summary = "the database was unavailable"

    def __init__(self, reason: str, *, is_reached: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_reached = is_reached


class ConfigurationError(ConnectorError):
    """A setting, a key or the database is wrong, which the operator can correct; the process refuses to start."""


def logged_reason(error: Exception) -> str:
    """Return the words of a log line about an error that only ends one piece of work.

    Those of the driver if the database is unavailable; otherwise the type, because the text may contain anything.
    """
    return error.reason if isinstance(error, DatabaseUnavailable) else type(error).__name__
