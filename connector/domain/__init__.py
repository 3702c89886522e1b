"""The rules, pure: values in, decisions out; the standard library only.

provider.py   what an identity verification provider is configured with, and what is refused
claims.py     which applicant field a claim feeds, and what a comparison means for the claim
runs.py       the statuses of a workflow run, and when one follows another
capture.py        by SDK or by link, and what either is made with
verification.py   one attempt of a user's, as a value
history.py        what changed, when and through whom
tenants.py    the default tenant, and where the others' paths begin
"""
