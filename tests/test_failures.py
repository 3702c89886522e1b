"""A failed test fails no other one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = """
import gc, subprocess, sys

def test_that_fails():
    left = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert left is None

def test_that_passes():
    gc.collect()
"""


def test_what_a_failed_test_leaves_fails_no_other_one(tmp_path: Path) -> None:
    (tmp_path / "test_neighbours.py").write_text(TESTS)
    options = ["-q", "-W", "error", "-p", "tests.failures", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "\n1 failed, 1 passed in " in output, output
