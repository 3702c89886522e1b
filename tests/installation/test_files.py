"""Files with secrets: access by owner, group and others, on a real file system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.installation.files import check_files, check_mode
from connector.settings import load

NOBODY = 65534
AS_ANOTHER = """
import os, sys
from pathlib import Path
from connector.installation.files import check_mode
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
check = check_mode(Path(sys.argv[1]))
print(check.passed, check.detail)
"""


def file_of(tmp_path: Path, mode: int) -> Path:
    path = tmp_path / "secret"
    path.write_text("secret")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_readable_only_by_its_owner_passes(tmp_path: Path, mode: int) -> None:
    check = check_mode(file_of(tmp_path, mode))
    assert (check.passed, check.is_warning) == (True, False)
    assert f"{mode:04o}" in check.detail


@pytest.mark.parametrize(
    ("mode", "advice"), [(0o640, "chmod g-rwx"), (0o440, "chmod g-rwx"), (0o660, "chmod g-w"), (0o620, "chmod g-w")]
)
def test_a_file_that_its_group_may_read_or_change_is_a_warning(tmp_path: Path, mode: int, advice: str) -> None:
    check = check_mode(file_of(tmp_path, mode))
    assert (check.passed, check.is_warning, advice in check.detail) == (True, True, True)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666, 0o601])
def test_a_world_accessible_file_is_a_failure(tmp_path: Path, mode: int) -> None:
    check = check_mode(path := file_of(tmp_path, mode))
    assert (check.passed, f"`chmod o-rwx {path}`" in check.detail) == (False, True)


def test_a_missing_file_is_a_failure(tmp_path: Path) -> None:
    check = check_mode(tmp_path / "nothing")
    assert (check.passed, "No such file" in check.detail) == (False, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    ("mode", "group", "passed", "words"),
    [
        (0o600, 0, False, "This user has no access"),
        (0o440, 0, False, "This user has no access"),
        (0o440, NOBODY, True, "Only its owner and group may read it"),  # as Kubernetes mounts a secret
    ],
)
def test_another_user_needs_the_files_group(tmp_path: Path, mode: int, group: int, passed: bool, words: str) -> None:
    path = Path("/dev/shm") / f"connector-test-{os.getpid()}"  # pytest's directories are root's alone
    path.write_text("secret")
    path.chmod(mode)
    os.chown(path, 0, group)
    try:
        command = [sys.executable, "-c", AS_ANOTHER, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    finally:
        path.unlink()
    assert done.stdout.startswith(str(passed))
    assert words in done.stdout


def test_every_secret_file_named_in_the_settings_is_checked(tmp_path: Path) -> None:
    names = ("keys", "metrics", "client", "directory", "bearer")
    paths = {name: tmp_path / name for name in names}
    paths["keys"].write_text("A" * 43 + "=\n")
    for name in names[1:]:
        paths[name].write_text(f"a-long-secret-of-{name}-for-the-test")
    for path in paths.values():
        path.chmod(0o600)
    config = tmp_path / "settings.toml"
    config.write_text(
        f'encryption_keys = ["file:{paths["keys"]}"]\n'
        '[[issuers]]\nissuer = "https://as.example"\naudience = "a"\ntoken_format = "opaque"\nclient_id = "c"\n'
        f'client_secret = "file:{paths["client"]}"\n'
        '[[tenants]]\nname = "acme"\n[tenants.directory]\nkind = "scim"\nurl = "https://scim.example"\n'
        f'bearer_token = "file:{paths["bearer"]}"\n'
        '[[tenants]]\nname = "other"\n[tenants.directory]\nkind = "scim"\nurl = "https://scim.example"\n'
        'token_url = "https://scim.example/token"\nclient_id = "c"\n'
        f'client_secret = "file:{paths["directory"]}"\n'
    )
    environ = {"CONNECTOR_METRICS_TOKEN": f"file:{paths['metrics']}", "CONNECTOR_DATA_DIR": str(tmp_path / "data")}
    settings = load(config, environ)
    assert {path for path, _ in check_files(settings, ())} == {str(path) for path in paths.values()}

    paths["bearer"].chmod(0o644)
    paths["client"].unlink()
    failed = {path for path, check in check_files(settings, ()) if check.passed is False}
    assert failed == {str(paths["bearer"]), str(paths["client"])}


def test_the_key_file_and_the_data_directory_are_checked_if_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    key = tmp_path / "data" / "encryption.key"
    key.write_text("key")
    key.chmod(0o604)
    environ = {"CONNECTOR_DATA_DIR": str(tmp_path / "data")}
    checks = dict(check_files(load(None, environ), ()))
    assert {path: check.passed for path, check in checks.items()} == {str(tmp_path / "data"): True, str(key): False}

    environ |= {"CONNECTOR_DATABASE_URL": "postgresql://db.example/x", "CONNECTOR_ENCRYPTION_KEYS": "A" * 43 + "="}
    assert dict(check_files(load(None, environ), ())) == {}
