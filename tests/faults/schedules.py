"""One schedule after another, each with a different seed, until one fails: `python -m tests.faults.schedules [rounds]`.

`FAULTS_VERIFICATIONS` is the number of verifications of a schedule.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

COMMAND = [sys.executable, "-m", "pytest", "tests/faults", "-x", "-q", "-p", "no:cacheprovider"]


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for number in range(1, rounds + 1):
        seed = str(random.SystemRandom().randrange(10**6))
        sys.stdout.write(f"round {number} of {rounds}: FAULTS_SEED={seed}\n")
        sys.stdout.flush()
        if status := subprocess.run(COMMAND, env=os.environ | {"FAULTS_SEED": seed}, check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
