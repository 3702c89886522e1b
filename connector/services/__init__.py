"""The use cases. They own the transactions; no HTTP call is made while one is open.

providers.py       register, change, list and remove providers; reach Onfido on behalf of one
setup.py           is a provider ready? and its webhook at Onfido (probes.py, accounts.py, tokens.py)
verifications.py   initiate, complete and resume a verification
initiation.py      the steps of starting one; attempts.py: whose turn it is; binding.py: which values it holds for
results.py         the only writer of a verification's status: apply what Onfido says of a run
archive.py         what is kept of a finished run, sealed
events.py          take in what Onfido posts
runs.py            look at runs; exports.py, files.py: as files; decisions.py: decide on those in review
tasks.py           Send/Receive Data tasks and manual decisions; watchlist.py: matches of a monitor
notices.py         tell the application
claims.py          read and correct what is verified
applicants.py      update, delete and restore users' applicants at Onfido
users.py           keep the embedded user directory; remove all that is personal
outbox.py          deliveries, tried until they succeed; upkeep.py: the sweep
keys.py            the connector's own keys and their rotation
"""
