"""The settings of signals to other systems, by the Shared Signals Framework: those of a tenant, or of all."""

from __future__ import annotations

from connector.domain.frozen import frozen
from connector.domain.signals import ALL, NONE, SignalChoice
from connector.errors import ConfigurationError
from connector.settings import checks
from connector.settings.fields import Checked, setting


@frozen
class SignalSettings(Checked):
    """The content of signals about users' assurance."""

    namespace: str = setting(
        "",
        "The namespace of the levels of assurance: a name of your own, agreed with the receivers; empty: no change of "
        "a level is signalled. The connector claims no level of NIST, ETSI or eIDAS.",
    )
    verified_level: str = setting("", "The level of a verified user in that namespace.")
    unverified_level: str = setting("", "The level of all other users.")
    subject_issuer: str = setting(
        "",
        "The issuer of the users' ids, as signals name it; empty: the URL of the connector with the tenant's path.",
        checks.url_or_empty,
    )
    default_subjects: str = setting(
        ALL, "The users of a new stream: ALL, or NONE but those whom its receiver adds.", checks.one_of(ALL, NONE)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        levels = {self.verified_level, self.unverified_level}
        if self.namespace and ("" in levels or len(levels) == 1):
            raise ConfigurationError(
                "namespace must have two levels: set verified_level and unverified_level, each to a name of its own."
            )

    @property
    def choice(self) -> SignalChoice:
        """The same as a value."""
        return SignalChoice(
            self.namespace, self.verified_level, self.unverified_level, self.subject_issuer, self.default_subjects
        )
