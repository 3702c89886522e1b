"""Everything that knows Onfido; nothing else does.

    client.py, tasks.py, files.py, subscriptions.py    one typed method per endpoint
        │
    account.py      one API token's calls ──► transport.py   one HTTP exchange: time-outs, repeated reads
        │                                       ├─► pacing.py     the account's rate limit, the host's outages
        │                                       ├─► sessions.py   connections; failures.py: why no answer came
        │                                       └─► storage.py    the other host, where Onfido keeps files
        │                             ──► refusals.py    Onfido's error answers ──► `OnfidoError`
        ▼
    payloads.py     values of the domain ⇄ Onfido's JSON: applicants, runs, tasks
        ├─► reports.py    what a workflow's output tells of comparisons and of the document
        └─► reading.py    JSON of which nothing is trusted
        ▲
    webhooks.py     raw bytes ──► signed? ──► `Event`

Whatever goes wrong leaves as a `OnfidoError` (requests of ours) or a `RequestError` (events sent to us, and values
that cannot be sent), in words that hold neither a token nor a value of the applicant's. No dictionary of Onfido's
leaves this package but those that have no shape: a workflow's output, a task's input and output.
"""
