"""The use cases, by story. They own the transactions; no HTTP call is made while one is open.

providers/     register, change, list and remove providers; reach Onfido on behalf of one; set up and check its webhook
starting/      start a verification: the request, the lease, the bound values, the steps at Onfido
results/       receive events, apply a run's status, decide reviews, keep results
lookup/        look up verifications: one, a page, as CSV; the files that Onfido keeps as evidence
people/        users, their claims and their applicants at Onfido
application/   tasks to complete, notices, watchlist matches
announcements/ what the journal announces, to each kind of subscriber
console/       the console's sessions and sign-ins; refusals/: refused requests and posts, recorded within limits
journal.py     the only writer of history, which also announces changes
outbox.py      deliveries, retried until they succeed; upkeep.py: the sweep
timing.py      deadlines of calls to Onfido; key_rotation.py: the connector's own keys

A story imports only those below it (`tests/import_rules.py`):
upkeep ─► people ─► starting ─► results ─► providers ─► the files here; application ─► lookup ─► results.
"""
