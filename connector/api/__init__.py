"""HTTP: only schemas and status codes; the contract is WSO2 Identity Server's.

    request ─► tenancy (tenant) ─► access (scope) ─► schemas (validation) ─► a service ─► schemas ─► answer
                                                        any error ─► errors ─► one JSON body

    providers.py     /api/server/v1/idv-providers          an administrator registers providers
    setup.py         …/idv-providers/{id}/test-connection, …/webhook, …/health
    verifications.py …/idv-providers/{id}/verifications    an administrator reads verifications and decides on them
    statistics.py    /api/server/v1/statistics             the statistics of a period
    csv.py           …/verifications.csv                   verifications as CSV, line by line (`csv_lines.py`)
    evidence.py      …/verifications/{run-id}/evidence-folder, …  Onfido's files of a run
    tasks.py         …/verifications/{run-id}/tasks        an application completes Send/Receive Data tasks
    applicants.py    …/idv-providers/{id}/applicants/{id}  update, delete, restore
    users.py         /api/users/v1/{me,user-id}/idv        an application verifies a user's claims
    events.py        /api/server/v1/events                 events from Onfido, and refused posts
    webhooks.py      /idv/onfido/v1/{idvp-id}/verify       Onfido posts events
    operations.py    /healthz /readyz /metrics
    openapi/         /openapi.json; /, /docs/: the description of the API
    shapes/          the schemas of all of these; an object's schema is its only view, which the command line prints
                     with `--json` and `csv_lines.py` writes as CSV
    middleware/      what applies to requests of every route: paths, tenants, limits, CORS, tracing

Every route exists twice: as written, for the tenant `carbon.super`, and under `/t/{tenant}`.
"""
