"""A proxy that delays PostgreSQL's answers: `python -m tests.bench.delay URL MILLISECONDS` prints its own URL."""

from __future__ import annotations

import signal
import sys

from tests.postgresql_proxy import PostgresqlProxy


def main() -> None:
    url, milliseconds = sys.argv[1:]
    proxy = PostgresqlProxy(url, float(milliseconds) / 2000)
    print(proxy.url, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
