"""Receiving requests and sending answers so that threads only work on requests that have arrived completely.

    accept ──► intake: head and body, each with a deadline ──► a thread of its lane: the application ──► output
       one thread waits for all connections (`worker.py`)          │                                      │
       closes those that are late or too many  ◄────────────────── next request, or close  ◄──────────────┘

    intake.py      detects complete requests; gunicorn's own, strict parser reads them
    output.py      pending output of a client, sent at the client's speed without holding a thread
    connection.py  one client's socket with both
    lanes.py       the threads, and the order in which callers get them
    worker.py      gunicorn's worker class: the loop over all of them

gunicorn's own threaded worker reads heads and bodies, and writes answers, in the threads that also run the
application: a few clients that send or read slowly block it. The master process, the parser and the writer of
answers are gunicorn's.
"""
