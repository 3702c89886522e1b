"""The validation of a provider's configuration before it is stored or tested."""

from __future__ import annotations

from connector.domain.providers.provider import Provider, ProviderConfig, tidied, without_masks
from connector.domain.providers.provider_rules import BaseUrlPolicy, check_config, refuse_masks
from connector.domain.studio.studio import Studio, StudioPolicy, check_studio
from connector.services.use_case import use_case


@use_case
class ConfigurationRules:
    """Checks configurations; the uniqueness of names is enforced by the database."""

    _policy: BaseUrlPolicy
    _studio_policy: StudioPolicy

    def new(self, config: ProviderConfig) -> ProviderConfig:
        """Return a new provider's configuration in its stored form; raise `InvalidField`."""
        config = tidied(config)
        refuse_masks(config)
        check_config(config, self._policy)
        self.check_studio(config.studio or Studio(), has_notice_secret=config.notice_secret is not None)
        return config

    def changed(self, config: ProviderConfig) -> ProviderConfig:
        """Return a changed configuration, in which masks keep the stored secrets; raise `InvalidField`."""
        config = without_masks(tidied(config))
        check_config(config, self._policy)
        return config

    def change_of(self, provider: Provider, config: ProviderConfig) -> ProviderConfig:
        """Return the configuration that a provider would have; raise `InvalidField`."""
        config = self.changed(config)
        has_notice_secret = config.notice_secret is not None or provider.has_notice_secret
        self.check_studio(config.studio or provider.studio, has_notice_secret=has_notice_secret)
        return config

    def check_studio(self, studio: Studio, *, has_notice_secret: bool) -> None:
        """Raise `InvalidField` for a Studio configuration that cannot work."""
        check_studio(studio, self._studio_policy, has_notice_secret=has_notice_secret)
