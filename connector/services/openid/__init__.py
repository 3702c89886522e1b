"""The connector as an OpenID provider: its clients, and the processing of their requests.

clients.py  relying parties: registration, changes, removal; their authentication
flows.py    authorization requests: pushed, opened by a browser, answered with a code, exchanged for tokens
proving.py  the verification of a request: its start, progress and result
"""
