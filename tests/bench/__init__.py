"""Measures the connector as it is deployed, and floors in the same run, in alternation: `make bench`.

A floor is a bare Flask view that makes the same round trips to the database and does nothing else.

seed.py        a database with open verifications, and the signed events that end them
processes.py   the connector, gunicorn with another application, a proxy that delays PostgreSQL: one process each
load.py        clients on raw sockets that time the answers

webhook.py     events: the connector, the floors and django-onfido, with the database at 0, 1 and 2 ms
claims.py      reading claims, against a bare view with the same token check
initiate.py    the time that the connector adds to Onfido's in INITIATED, against a floor
deliveries.py  deliveries per second of two workers, and the delay from commit to start
scale.py       the webhook and reading claims, with 1 k, 100 k and 1 M users
footprint.py   time from start to ready, and resident memory
sizing.py      1, 2 and 4 processes, CPU time of an event, bytes on disk; `make sizing`

million.py     every route, list and statement of the worker with 1 k and 1 M users: `python -m tests.bench.million`
pages.py       the console's lists, page by page, with 1 k and 1 M users: `python -m tests.bench.pages`

floor.py       the statements of an event one by one       pipelined.py   the same in two psycopg pipelines
bare.py        bare views: claims, INITIATED             django_peer.py  django-onfido, in an environment of its own

profile.py     CPU time of a request by layer and by process: `python -m tests.bench.profile webhook`
profiled.py    the connector whose stack is sampled      cpu.py        CPU seconds of processes

Log lines are written as deployed (INFO). Variables: `BENCH_ROUNDS`, `BENCH_EVENTS` and `BENCH_USERS` make a run shorter
or longer; `BENCH_PARTS` names the parts to run, of round_trips, webhook, claims, initiate, deliveries, scale and
footprint; `BENCH_SIZED` is the number of verifications whose size on disk is measured;
`BENCH_BEFORE` is the checkout of an earlier version, for comparison.
"""
