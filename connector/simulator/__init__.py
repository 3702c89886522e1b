"""A local Onfido over HTTP: for the demo, the tests, and whoever has no Onfido account yet.

    client ──► /v3.6/…  (applicants, workflow_runs, webhooks) ──► state: one lock, in memory
                                                                    │
    person ──► /link/{run}  ──────┐                                 ▼
    script ──► /simulator/runs/{run}/outcome ──► lifecycle: the run ends ──► deliveries: signed webhooks

    server.py      the HTTP server: start, stop, keep-alive
    app.py         what every call passes: faults, authorization, errors, request ids
    applicants.py, workflow_runs.py, webhooks.py     Onfido's endpoints and their rules
    outcomes.py    how a run ends, and the shapes in which its output says so
    lifecycle.py   a run starts, a task completes, a run ends; the events of each
    faults.py      what goes wrong on purpose, each switch once
    control.py     the switches, the state and the outcome for scripts; pages.py for people

Nothing is checked, and nothing leaves the machine but to the webhooks that are registered. It imports nothing from
the rest of the connector.
"""
