"""Measures the hot path against a floor, interleaved in one run: `make bench`.

seed.py    a database with open verifications, and the signed events that end them
ours.py    the connector, as gunicorn serves it
floor.py   the same statements in a bare Flask view
load.py    clients that post the events and time the answers
initiate.py   what the connector adds to Onfido's own time
"""
