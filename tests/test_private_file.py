"""The data directory: created with access for its owner only, and refused if all users of the machine can read it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.private_file import draft_beside, make_data_dir


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_data_directory_is_created_for_its_owner_only(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_data_dir(tmp_path / "above" / "data")
    finally:
        os.umask(before)
    assert (tmp_path / "above" / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("mode", "is_refused"),
    [*((mode, False) for mode in (0o700, 0o750, 0o2770)), *((mode, True) for mode in (0o755, 0o701, 0o777, 0o2775))],
)
def test_a_world_accessible_directory_is_refused_and_a_group_accessible_one_accepted(
    tmp_path: Path, mode: int, is_refused: bool
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod o-rwx") if is_refused else nullcontext():
        make_data_dir(tmp_path / "data")


def test_a_directory_that_cannot_be_created_or_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"`data_dir` .*/file must be a directory"):
        make_data_dir(tmp_path / "file")


def test_a_file_that_cannot_be_created_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "none" / "backup"

    with pytest.raises(FileNotFoundError) as refused, draft_beside(path):
        pass

    assert refused.value.filename == str(path)
