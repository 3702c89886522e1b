"""The connector as an OpenID provider: its clients, their requests, and the answers.

clients.py         relying parties, as an administrator describes them
reach.py           whether a client's requests can ever succeed with its provider
keys.py            the public keys with which clients authenticate
claims_request.py  the parameter `claims`: the requested claims and their values
flow.py            one authorization request, from its push to its tokens
profiles.py        the result in an ID token, for Okta and for OpenID Identity Assurance
"""
