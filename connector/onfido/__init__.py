"""Everything that knows Onfido; nothing else does.

    client.py      one typed method per endpoint ──► transport.py   one HTTP exchange: time-outs, repeated reads
        │                                        │       └─► pacing.py   the account's rate limit, the host's outages
        │                                        └─► refusals.py    Onfido's error answers ──► `ProviderError`
        ▼
    payloads.py    Onfido's JSON ⇄ values of the domain: applicants, runs, comparisons
        ▲
    webhooks.py    raw bytes ──► signed? ──► `Event`

Whatever goes wrong leaves as a `ProviderError` (requests of ours) or a `RequestError` (events sent to us), in words
that hold neither a token nor a value of the applicant's. No dictionary of Onfido's leaves this package.
"""
