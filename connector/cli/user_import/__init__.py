"""`connector user import`: users from files as people make them.

decoding.py   the file's bytes ──► text, or a sentence that says how to save the file
sheet.py      CSV text ──► rows of cells, each with its line; separators, quotes, blank rows
entries.py    rows, or JSON ──► one entry for each user, with what must be different about it
review.py     all entries ──► what is refused, what is warned of; nothing is written before that
command.py    the command: review, import in batches, report
"""
