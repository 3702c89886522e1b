"""`connector user import`: users from files made by people.

decoding.py   the file's bytes ──► text, or a sentence that says how to save the file
sheet.py      CSV text ──► rows of cells, each with its line; separators, quotes, blank rows
entries.py    rows, or JSON ──► one entry for each user, with objections
review.py     all entries ──► refusals and warnings, before anything is written
command.py    the command: review, import in batches, report
"""
