"""Hours of ordinary work in minutes, on two hosts, with processes replaced all the time: `make soak MINUTES=60`.

    people ──► nginx ──┬─► host a: connector serve, worker ─┐ 1 ms away
               ▲       └─► host b: connector serve, worker ─┴──────────► PostgreSQL
    simulator ─┘ webhooks         └─► SCIM server (half of the tenants), receivers: notices; signals (host b)

hosts.py      two hosts: network namespaces with addresses of their own, where root may make them
forward.py    what makes a service of this machine reachable at a host's own loopback
site.py       everything that runs, and how it is started and ended
people.py     users who verify, at a steady rate, and how long each request took; administrators who correct claims
signals.py    streams of signals: a pushed and a polled one in each tenant, whose receivers fail, and lose answers
receiver.py   the process that signals are pushed to
restarts.py   each process in turn: SIGTERM and a new one; now and then `kill -9`
memory.py     resident memory of each process, and whether it grows
verdict.py    nothing lost: each verification as Onfido decided, each notice told at least once, each receiver of
              signals with the levels that the database has

In the first half processes are replaced; in the second they run on, and their memory is measured. `RATE` is the number
of verifications that begin in a second.
"""
