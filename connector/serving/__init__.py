"""Taking in requests and sending answers, so that a thread is only ever busy with a request that is all here.

    accept ──► intake: head and body, each with a deadline ──► a thread of its lane: the application ──► output
       one thread waits for all connections (`worker.py`)          │                                      │
       closes those that are late or too many  ◄────────────────── next request, or close  ◄──────────────┘

    intake.py      when a request is whole; what it says is the business of gunicorn's own, strict parser
    output.py      what is on its way to a client, at the client's speed and in nobody's time
    connection.py  one client's socket with both
    lanes.py       the threads, and in what order callers get them
    worker.py      gunicorn's worker class: the loop over all of them

gunicorn's own threaded worker reads heads and bodies, and writes answers, in the threads that also run the
application: a few clients that send or read slowly stop it. The master process, the parser and the writer of
answers are gunicorn's.
"""
