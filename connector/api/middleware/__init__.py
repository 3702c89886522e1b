"""What applies to requests of every route: before the route is known, around the call of its view, and to the answer.

    paths.py             final slashes, encoded slashes      tenancy.py           the tenant in the path
    traffic.py           groups of threads, body limits      shares.py            limits on one caller's long calls
    tracing.py           trace id, span, duration            access_log.py        a line for each request
    origins.py           channel and address, for the audit  refused_requests.py  refusals, for the audit
    browsers.py          CORS, caches                        content_policy.py    the Content-Security-Policy

`connector/app.py` installs them.
"""
