"""A local Onfido over HTTP: for the demo, the tests, and whoever has no Onfido account yet.

    client ──► /v3.6/…  (applicants, workflow_runs, watchlist_monitors, webhooks) ──► state: one lock, in memory
                                                                    │
    person ──► /link/{run}, /tasks/… ──────┐                        ▼
    script ──► /simulator/runs/{run}/outcome ──► lifecycle: tasks, then the run ends ──► deliveries: signed webhooks

    server.py      the HTTP server: start, stop, keep-alive
    app.py         what every call passes: faults, authorization, errors, request ids
    applicants.py, workflow_runs.py, run_files.py, watchlist_monitors.py, webhooks.py
                   Onfido's endpoints and their rules
    workflows.py   what a workflow wants: custom data, Send/Receive Data tasks
    outcomes.py    how a run ends, and the shapes in which its output says so; reports.py, whole reports
    lifecycle.py   a run starts, a task completes, a run ends; events.py, what tells of each
    files.py       PDF and zip files of any size
    faults.py      what goes wrong on purpose, each switch once
    control.py     the switches, the state and the outcome for scripts; pages.py for people

Nothing is checked, and nothing leaves the machine but to the webhooks that are registered. It imports nothing from
the rest of the connector.
"""
