"""Encryption at rest: encrypted text can be decrypted only in its place, with its key."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigurationError
from connector.private_file import create_private_file
from connector.store.vault import Fingerprints, Vault, read_keys

KEY, OLD_KEY = bytes(range(32)), bytes(range(32, 64))
CONTEXT = "providers/1/api_token"
VAULT = Vault([KEY])

texts = st.text(st.characters(exclude_categories=["Cs"]))


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


class TestSealing:
    @given(plain=texts, context=texts)
    def test_encrypted_text_is_unreadable_and_can_be_decrypted(self, plain: str, context: str) -> None:
        sealed = VAULT.seal(plain, context)
        assert VAULT.open(sealed, context) == plain
        assert sealed.isascii()
        assert len(plain) < 4 or plain not in sealed

    def test_the_same_text_is_encrypted_differently_each_time(self) -> None:
        assert len({VAULT.seal("same", CONTEXT) for _ in range(50)}) == 50

    @given(plain=texts, context=texts, other=texts)
    def test_encrypted_text_cannot_be_decrypted_for_another_row(self, plain: str, context: str, other: str) -> None:
        sealed = VAULT.seal(plain, context)
        if other != context:
            with pytest.raises(ConfigurationError):
                VAULT.open(sealed, other)

    def test_a_missing_key_is_named_by_its_id_and_nothing_leaks(self) -> None:
        sealed = Vault([OLD_KEY]).seal("the-secret", CONTEXT)
        with pytest.raises(ConfigurationError) as refused:
            VAULT.open(sealed, CONTEXT)
        description = refused.value.description
        assert sealed.split(".")[1] in description
        for secret in ("the-secret", sealed, KEY.hex(), OLD_KEY.hex(), encoded(KEY), encoded(OLD_KEY)):
            assert secret not in description

    def test_damage_is_reported_without_the_damaged_text(self) -> None:
        sealed = VAULT.seal("the-secret", CONTEXT)
        with pytest.raises(ConfigurationError) as refused:
            VAULT.open(sealed, "providers/2/api_token")
        assert "providers/2/api_token" in refused.value.description
        assert sealed not in refused.value.description
        assert "the-secret" not in refused.value.description

    @given(data=st.data())
    def test_tampered_text_is_refused_or_unchanged(self, data: st.DataObject) -> None:
        """The last characters of base64 have unused bits: changing only those has no effect."""
        sealed = VAULT.seal("the-secret", CONTEXT)
        at = data.draw(st.integers(0, len(sealed) - 1))
        tampered = sealed[:at] + data.draw(st.characters(codec="ascii")) + sealed[at + 1 :]
        assert opened_or_refused(tampered) in (None, "the-secret")

    @given(length=st.integers(0, 100))
    def test_cut_off_text_is_refused(self, length: int) -> None:
        sealed = VAULT.seal("the-secret", CONTEXT)
        assert opened_or_refused(sealed[: min(length, len(sealed) - 4)]) is None

    @given(garbage=texts)
    def test_text_that_was_never_encrypted_is_refused(self, garbage: str) -> None:
        assert opened_or_refused(garbage) is None


def opened_or_refused(sealed: str) -> str | None:
    try:
        return VAULT.open(sealed, CONTEXT)
    except ConfigurationError:
        return None


class TestRotation:
    def test_the_new_key_encrypts_and_the_old_one_still_decrypts(self) -> None:
        before = Vault([OLD_KEY]).seal("kept", CONTEXT)
        rotated = Vault([KEY, OLD_KEY])
        assert rotated.open(before, CONTEXT) == "kept"
        after = rotated.seal("kept", CONTEXT)
        assert VAULT.open(after, CONTEXT) == "kept"
        assert after.startswith(rotated.prefix)
        assert not before.startswith(rotated.prefix)

    def test_text_encrypted_with_a_missing_old_key_cannot_be_decrypted(self) -> None:
        with pytest.raises(ConfigurationError, match="encryption_keys"):
            VAULT.open(Vault([OLD_KEY]).seal("kept", CONTEXT), CONTEXT)


class TestKeys:
    def test_configured_keys_are_used_in_order_and_no_file_is_created(self, tmp_path: Path) -> None:
        assert read_keys([encoded(KEY), encoded(OLD_KEY)], tmp_path) == [KEY, OLD_KEY]
        assert list(tmp_path.iterdir()) == []

    def test_a_key_file_is_created_once_for_its_owner_if_no_key_is_configured(self, tmp_path: Path) -> None:
        [key] = read_keys([], tmp_path)
        assert len(key) == 32
        assert read_keys([], tmp_path) == [key]
        [file] = tmp_path.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "short", encoded(b"31 bytes".ljust(31)), "!" * 44])
    def test_a_wrong_key_is_refused_by_its_position_and_not_repeated(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="entry 2") as refused:
            read_keys([encoded(KEY), text], tmp_path)
        assert not text or text not in refused.value.description

    def test_a_damaged_key_file_is_named(self, tmp_path: Path) -> None:
        read_keys([], tmp_path)
        [file] = tmp_path.iterdir()
        file.write_text("nonsense")
        with pytest.raises(ConfigurationError, match=str(file)):
            read_keys([], tmp_path)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\0" * 32,
            bytes(range(256)),
            b"\xff" * 44,
            "\u00fc".encode() * 22,
            encoded(KEY).encode("utf-16-le"),
            b"\xef\xbb\xbf" + encoded(KEY).encode(),
        ],
    )
    def test_a_key_file_of_any_content_is_refused_in_one_sentence(self, content: bytes, tmp_path: Path) -> None:
        read_keys([], tmp_path)
        [file] = tmp_path.iterdir()
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match="must hold an encryption key") as refused:
            read_keys([], tmp_path)
        assert refused.value.description.startswith(str(file))

    @pytest.mark.parametrize(
        ("mode", "is_refused"),
        [
            *((mode, False) for mode in (0o600, 0o400, 0o440, 0o660)),
            *((mode, True) for mode in (0o644, 0o604, 0o602, 0o666, 0o777)),
        ],
    )
    def test_a_world_readable_key_file_is_refused_and_a_group_readable_one_accepted(
        self, mode: int, is_refused: bool, tmp_path: Path
    ) -> None:
        read_keys([], tmp_path)
        [file] = tmp_path.iterdir()
        file.chmod(mode)
        with pytest.raises(ConfigurationError, match="chmod o-rwx") if is_refused else nullcontext():
            read_keys([], tmp_path)

    @pytest.mark.parametrize("umask", [0o000, 0o077])
    def test_the_umask_never_opens_the_file_to_others(self, umask: int, tmp_path: Path) -> None:
        before = os.umask(umask)
        try:
            create_private_file(tmp_path / "secret", b"content")
        finally:
            os.umask(before)
        assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600

    def test_an_existing_key_file_is_kept_and_no_draft_left(self, tmp_path: Path) -> None:
        create_private_file(tmp_path / "secret", b"first")
        create_private_file(tmp_path / "secret", b"second")
        assert (tmp_path / "secret").read_bytes() == b"first"
        assert len(list(tmp_path.iterdir())) == 1

    def test_processes_that_start_concurrently_share_one_key(
        self, tmp_path: Path, race: Callable[..., list[str]]
    ) -> None:
        """The processes race for fifty files, so that some races are close."""
        body = (
            "for number in range(50):\n"
            "    path = Path(sys.argv[1], str(number))\n"
            "    path.mkdir(exist_ok=True)\n"
            "    print(read_keys([], path)[0].hex(), end=' ')"
        )
        printed = race(
            "from pathlib import Path\nfrom connector.store.vault import read_keys", body, str(tmp_path), processes=4
        )
        assert len(set(printed)) == 1
        assert len(set(printed[0].split())) == 50
        assert len(list(tmp_path.glob("*/*"))) == 50
        assert len(list(tmp_path.glob("*/.*"))) == 0


class TestFingerprints:
    fingerprints = Fingerprints(KEY)

    @given(one=st.tuples(texts, texts, texts, texts), other=st.tuples(texts, texts, texts, texts))
    def test_fingerprints_are_equal_only_for_equal_values_of_the_same_claim(
        self, one: tuple[str, str, str, str], other: tuple[str, str, str, str]
    ) -> None:
        assert (self.fingerprints.of(*one) == self.fingerprints.of(*other)) == (one == other)

    def test_fingerprints_depend_on_the_boundary_between_user_and_claim(self) -> None:
        assert self.fingerprints.of("t", "ab", "c", "v") != self.fingerprints.of("t", "a", "bc", "v")

    def test_fingerprints_depend_on_the_key(self) -> None:
        place = ("acme", "ann", "givenname", "Ann")
        assert self.fingerprints.of(*place) != Fingerprints(OLD_KEY).of(*place)
        assert len(self.fingerprints.of(*place)) == 64
