"""The use cases. They own the transactions; no HTTP call is made while one is open.

providers.py       register, change, list and remove providers; reach Onfido on behalf of one
verifications.py   initiate, complete and resume a verification
initiation.py      the steps of starting one; attempts.py: whose turn it is
results.py         the only writer of a verification's status: apply what Onfido says of a run
events.py          take in what Onfido posts
claims.py          read and correct what is verified
users.py           keep the embedded user directory; remove all that is personal
outbox.py          deliveries, tried until they succeed; upkeep.py: the sweep
keys.py            the connector's own keys and their rotation
"""
