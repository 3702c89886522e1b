"""The use cases. They own the transactions; no HTTP call is made while one is open.

providers.py       register, change, list and remove providers
verifications.py   initiate, complete and resume a verification
results.py         the only writer of a verification's status: apply what Onfido says of a run
events.py          take in what Onfido posts
claims.py          read and correct what is verified
"""
