"""HTTP: only schemas and status codes; the contract is WSO2 Identity Server's.

    request ─► tenancy (tenant) ─► access (scope) ─► schemas (validation) ─► a service ─► schemas ─► answer
                                                        any error ─► errors ─► one JSON body

For administrators, under /api/server/v1:

    providers.py         /idv-providers                     register and configure providers
    setup.py             …/{id}/test-connection, …/webhook, …/health, …   set them up at Onfido, and check them
    verifications.py     …/{id}/verifications               read verifications, and decide on them; csv.py: as CSV
    evidence.py          …/verifications/{run-id}/evidence-folder, …   Onfido's files of a run; pictures.py
    delivery_proof.py    …/verifications/{run-id}/delivery-proof   the notices about a verification, signed
    tasks.py             …/verifications/{run-id}/tasks     Send/Receive Data tasks, which applications complete
    applicants.py        …/{id}/applicants/{id}             update, delete and restore applicants at Onfido
    statistics.py        /statistics                        the statistics of a period
    events.py            /events                            events from Onfido, and refused posts
    deliveries.py        /deliveries                        what was sent, and what failed
    notices.py           /notice-endpoints                  the endpoints of applications
    openid_clients.py    /openid-clients                    the clients of the OpenID provider
    jobs.py              /jobs                              long work: files, users' records, recovery
    audit.py             /audit                             the audit trail
    console_sessions.py  /console-sessions                  the signed-in browsers of the console
    operator.py          /settings, /connections            for the operator's tenant only

For applications and the help desk, under /api/users/v1:

    users.py             /{me,user-id}/idv                  verify and read a user's claims, and correct them
    assurance.py         …/idv/verified-claims              the verified claims with evidence; /.well-known/jwks.json
    user_status.py       /{user-id}/idv/status, …           why a user is not verified

For machines:

    webhooks.py          /idv/onfido/v1/{idvp-id}/verify    Onfido posts events
    operations.py        /healthz /readyz /metrics
    self_check.py        the question of `connector check-settings`
    openapi/             /openapi.json; /, /docs/: the description of the API

shapes/ has the schemas of all of these: the schema of an object is its only view, which the command line prints with
`--json`, and `csv_lines.py` writes as CSV. middleware/ has what applies to requests of every route: paths, tenants,
limits, CORS, tracing.

Every route exists twice: as written, for the tenant `carbon.super`, and under `/t/{tenant}`.
"""
