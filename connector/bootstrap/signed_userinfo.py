"""Wiring of signed UserInfo answers: the directory reads them with the keys of the issuers that the settings trust."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from connector.directory.signed_answers import AnswerRefusedError, NoSigningKeysError
from connector.domain.tenancy import Tenant
from connector.settings import Settings

if TYPE_CHECKING:
    from connector.access.userinfo import SignedUserInfo


class Verifier:
    """Verifies signed answers, with the directory's errors; the issuers' keys are fetched on first use."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._waiting = threading.BoundedSemaphore(settings.threads)  # the directory limits its callers itself

    @cached_property
    def _answers(self) -> SignedUserInfo:
        from connector.access.userinfo import SignedUserInfo

        settings = self._settings
        return SignedUserInfo(settings.all_issuers, self._clock, proxy=settings.outgoing_proxy, waiting=self._waiting)

    def read(self, tenant: Tenant, text: str, seconds: float) -> Mapping[str, Any]:
        """Return the claims of an answer, within `seconds`; raises `AnswerRefusedError` or `NoSigningKeysError`."""
        from connector.access.discovery import IssuerUnavailableError
        from connector.access.refusals import TokenRefused

        try:
            return self._answers.read(tenant, text, seconds)
        except TokenRefused as refusal:
            raise AnswerRefusedError(refusal.check) from refusal
        except IssuerUnavailableError as error:
            raise NoSigningKeysError(error.retry_after) from error
