"""`make sbom`: write the connector's version into a bill of materials; the generator cannot read a dynamic version."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(path: Path) -> None:
    """Set the version of the described component."""
    bill = json.loads(path.read_text())
    [version] = re.findall(r'__version__ = "(.+)"', (ROOT / "connector" / "__init__.py").read_text())
    bill["metadata"]["component"]["version"] = version
    path.write_text(json.dumps(bill, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
