"""The connector as a transmitter of the Shared Signals Framework 1.0: receivers are notified of changes.

metadata.py     /.well-known/ssf-configuration
management.py   /ssf/streams, /ssf/status, /ssf/subjects/…, /ssf/verification
polling.py      /ssf/poll/{stream}: events (RFC 8936)
reports.py      /api/server/v1/signal-streams: streams as administrators see them (`report_shapes.py`)
shapes.py       the schemas of requests and answers
views.py        shared parts of the views; installation.py: adds all of them to an application
"""
