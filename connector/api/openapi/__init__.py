"""The description of the API: `document.py` serves `/openapi.json`, `docs.py` the page that displays it.

`error_responses.py` describes the errors of each operation, `examples.py` the calls that an application makes.
"""
