"""The connector as an OpenID provider: who may ask it, and what becomes of each request.

clients.py  relying parties: registered, changed, removed; how they prove themselves
flows.py    authorization requests: pushed, opened by a browser, answered with a code, exchanged for tokens
proving.py  the verification of a request: started, followed, and what it proves
"""
