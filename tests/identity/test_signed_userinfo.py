"""UserInfo of node-oidc-provider: JSON and signed answers are read, others are refused; new keys are fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.bootstrap.signed_userinfo import Verifier
from connector.directory.directories import Directories
from connector.domain.tenancy import Tenant
from connector.errors import Code, DirectoryError
from connector.settings import Settings
from connector.settings.directory import DirectorySettings
from connector.settings.issuers import Issuer
from tests.identity.servers import VALUES, OidcProvider, new_keys


class Reader:
    """Reads users at a provider with their own tokens; `now` is the clock for fetching keys."""

    def __init__(self, provider: OidcProvider, data_dir: Path, *audiences: str) -> None:
        self.now = 0.0
        settings = Settings(data_dir=data_dir, issuers=(Issuer(provider.issuer, "connector"),))
        choice = DirectorySettings(
            kind="userinfo", url=f"{provider.issuer}/me", timeout=60, answer_audiences=audiences
        ).choice()
        self._tenant = Tenant("carbon.super", choice)
        self._directories = Directories(None, verifier=Verifier(settings, lambda: self.now))  # type: ignore[arg-type]

    def read(self, token: str, user: str = "ann") -> dict[str, str]:
        return dict(self._directories.values(self._tenant, user, token) or {})


def token_of(provider: OidcProvider, client: str) -> str:
    return str(provider.sign_in("", scope="profile", client=client)["access_token"])


@pytest.mark.parametrize("client", ["shop", "signing-shop"])
def test_json_and_signed_answers_are_read(oidc_provider: OidcProvider, tmp_path: Path, client: str) -> None:
    reader, token = Reader(oidc_provider, tmp_path, client), token_of(oidc_provider, client)
    assert reader.read(token) == VALUES
    with pytest.raises(DirectoryError, match="its sub must be the id of the user"):
        reader.read(token, "bob")


def test_a_signed_answer_for_another_application_is_refused(oidc_provider: OidcProvider, tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="its aud must have one of the answer_audiences"):
        Reader(oidc_provider, tmp_path, "shop").read(token_of(oidc_provider, "signing-shop"))


@pytest.mark.parametrize(
    ("client", "words"),
    [("secret-shop", "must be signed with an asymmetric algorithm"), ("sealing-shop", "encrypted answers")],
)
def test_other_answers_are_refused(oidc_provider: OidcProvider, tmp_path: Path, client: str, words: str) -> None:
    with pytest.raises(DirectoryError, match=words) as caught:
        Reader(oidc_provider, tmp_path).read(token_of(oidc_provider, client))
    assert caught.value.code is Code.DIRECTORY_REFUSED


def test_the_new_keys_of_a_restarted_provider_are_fetched(oidc_provider: OidcProvider, tmp_path: Path) -> None:
    reader = Reader(oidc_provider, tmp_path)
    assert reader.read(token_of(oidc_provider, "signing-shop")) == VALUES
    for kid in ("another", "only"):  # other tests expect the last one
        oidc_provider.stop()
        oidc_provider.keys = new_keys(kid)
        oidc_provider.start()
        reader.now += 10
        assert reader.read(token_of(oidc_provider, "signing-shop")) == VALUES
