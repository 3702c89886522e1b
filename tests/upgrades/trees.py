"""Trees with the code of other versions: a later one with another migration, and the one before the newest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from connector.store.schema import newest_version

ROOT = Path(__file__).parents[2]
VERSIONS = Path("connector", "store", "migrations", "versions")
SCHEMA = Path("connector", "store", "schema.py")
LATER = "9000"

# Every table gets a column and an index, and there is one table more: all that an additive migration does.
ADDITIVE = f'''"""Add what a later version may add."""

import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{newest_version()}"


def upgrade() -> None:
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.add_column(table, sa.Column("added_later", sa.Text(), nullable=True))
            op.add_column(table, sa.Column("counted_later", sa.Integer(), nullable=False, server_default="0"))
            op.create_index(f"ix_{{table}}_added_later", table, ["added_later"])
    op.create_table("added_later", sa.Column("id", sa.Integer(), primary_key=True))
'''


def later_version(directory: Path, *, supports: str) -> Path:
    """Return a copy of the code with another migration; `supports` is the oldest version that can use its schema."""
    tree = directory / f"later-{supports}"
    for folder in ("connector", "config"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / VERSIONS / f"{LATER}_later.py").write_text(ADDITIVE)
    text = (tree / SCHEMA).read_text()
    [line] = [each for each in text.splitlines() if each.startswith("OLDEST_SUPPORTED = ")]
    (tree / SCHEMA).write_text(text.replace(line, f'OLDEST_SUPPORTED = "{supports}"'))
    return tree


def former_version(directory: Path) -> Path | None:
    """Return the code before the newest migration; None if the repository's history is missing or too short."""
    [newest] = (ROOT / VERSIONS).glob(f"{newest_version()}_*.py")
    name = newest.name.partition("_")[2]  # without its number, which may have changed before it was merged
    commits = (_git("log", "--format=%H", "--", str(VERSIONS)) or "").split()
    former = next((each for each in commits if _is_before(each, name)), None)
    if former is None or _git("grep", "--count", "OLDEST_SUPPORTED", former, "--", str(SCHEMA)) is None:
        return None
    tree = directory / "former"
    tree.mkdir()
    archive = subprocess.run(
        ["git", "archive", former, "connector", "config"], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "--extract"], cwd=tree, input=archive.stdout, check=True)
    return tree


def _is_before(commit: str, name: str) -> bool:
    """Whether a commit lacks this migration, and has migrations with distinct numbers, so that they can be run."""
    found = (_git("ls-tree", "--name-only", commit, f"{VERSIONS}/") or "").split()
    files = [Path(each).name for each in found if each.endswith(".py")]
    numbers = {each.partition("_")[0] for each in files}
    return len(numbers) == len(files) and not any(each.endswith(f"_{name}") for each in files)


def _git(*arguments: str) -> str | None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None
