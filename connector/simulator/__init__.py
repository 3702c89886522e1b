"""A local Onfido over HTTP: for the demo, the tests, and development without an Onfido account.

    client ──► /v3.6/…  (applicants, workflow_runs, watchlist_monitors, webhooks) ──► state: one lock, in memory
                                                                    │
    person ──► /link/{run}, /tasks/… ──────┐                        ▼
    script ──► /simulator/runs/{run}/outcome ──► lifecycle: tasks, then the run ends ──► deliveries: signed webhooks

    server.py      the HTTP server: start, stop, keep-alive
    app.py         what every call passes: faults, authorization, errors, request ids
    applicants.py, workflow_runs.py, run_files.py, watchlist_monitors.py, webhooks.py
                   Onfido's endpoints and their rules
    workflows.py   the requirements of a workflow: custom data, Send/Receive Data tasks
    outcomes.py    how a run ends, and the forms of its output; reports.py, complete reports
    lifecycle.py   a run starts, a task completes, a run ends; events.py, their events
    files.py       PDF and zip files of any size
    faults.py      the switches for simulated faults
    control.py     the switches, the state and the outcome for scripts; pages.py for people

No identity is checked, and nothing is sent except to the registered webhooks. It imports nothing from
the rest of the connector.
"""
