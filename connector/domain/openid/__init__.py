"""The connector as an OpenID provider: its clients, what they ask for, and what they are answered.

clients.py         relying parties, as an administrator describes them
keys.py            the public keys by which clients prove themselves
claims_request.py  the parameter `claims`: which claims are asked for, with which values
flow.py            one authorization request, from its push to its tokens
profiles.py        what an ID token says of the result, for Okta and for OpenID Identity Assurance
"""
