"""Everything specific to Onfido's API; no other package depends on its JSON.

    client.py, tasks.py, evidence.py, subscriptions.py    one typed method per endpoint
        │
    api.py          calls of one account  ──► transport.py   one HTTP exchange: time-outs, repeated reads
        │                                       ├─► pacing.py     the account's rate limit, the host's outages
        │                                       ├─► sessions.py   connections; failures.py: failures without an answer
        │                                       └─► storage.py    the host of Onfido's files
        │                             ──► refusals.py    Onfido's error answers ──► `OnfidoError`
        ▼
    payloads.py     values of the domain ⇄ Onfido's JSON: applicants, runs, tasks
        ├─► reports.py    comparisons and document values in a workflow's output
        │   output_claims.py  what the output holds for claims, by the provider's pointers
        └─► reading.py    reading untrusted JSON
        ▲
    webhooks.py     raw bytes ──► signed? ──► `Event`

Every failure is raised as an `OnfidoError` (our requests) or a `RequestError` (events sent to us, and values that
cannot be sent); their messages contain neither a token nor a value of the applicant. No dictionary of Onfido's leaves
this package except those without a schema: a workflow's output, a task's input and output.
"""
