"""The bridge between identity providers and Onfido identity verification."""

import sys

__version__ = "0.1.0"

# This check runs before any module that an older Python could not parse; `pip` refuses such a Python by itself.
if sys.version_info < (3, 11):  # noqa: UP036
    raise SystemExit("The connector needs Python 3.11 or newer; this is Python {}.{}.".format(*sys.version_info))
