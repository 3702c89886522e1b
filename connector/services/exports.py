"""Runs as CSV (RFC 4180, UTF-8), for spreadsheets: piece by piece, whatever there is of them.

A spreadsheet runs what looks like a formula, and some of the texts here are what a user or an application chose: such
a cell begins with an apostrophe, which makes it a text.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import batched

from connector.services.runs import BATCH, Run

COLUMNS = (
    *("id", "runId", "userId", "status", "decision", "applicantId", "tags", "capture", "dashboardUrl"),
    *("createdAt", "updatedAt", "completedAt", "closedAt", "failure"),
)
