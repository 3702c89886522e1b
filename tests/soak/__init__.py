"""Ordinary work on two hosts, compressed into minutes, while processes are replaced: `make soak MINUTES=60`.

    people ──► nginx ──┬─► host a: connector serve, worker ─┐ 1 ms away
               ▲       └─► host b: connector serve, worker ─┴──────────► PostgreSQL
    simulator ─┘ webhooks         └─► SCIM server (half of the tenants), receivers: notices; signals (host b)

hosts.py      two hosts: network namespaces with their own addresses, if root may create them
forward.py    makes a service of this machine reachable at a host's own loopback
site.py       all processes, and their start and end
people.py     users who verify, at a steady rate; the time of each request; administrators who correct claims
signals.py    streams of signals: a pushed and a polled one in each tenant, whose receivers fail, and lose answers
receiver.py   the process that signals are pushed to
restarts.py   replaces each process in turn: by SIGTERM, sometimes by `kill -9`
memory.py     resident memory of each process, and whether it grows
verdict.py    nothing lost: each verification as Onfido decided, each notice delivered, each receiver of
              signals with the levels that the database has

In the first half processes are replaced; in the second they run on, and their memory is measured. `RATE` is the number
of verifications that are started per second.
"""
