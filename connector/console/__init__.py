"""The administrators' console: pages at `/console`, made by the server from the use cases.

    story.py      pages and acts of one story: who may see them, and that nothing is posted from elsewhere
    stories.py    the stories and their places in the menu; each is a module or a package of its own
    frame.py      puts the console into the application: templates, files, translations, headers, errors
    viewer.py     who is signed in; sign_in.py: by OpenID Connect, one_time_links.py: under --dev
    words.py      how a state is shown: icon, word, colour
    confirm.py    the question before a destructive act; notices.py: the sentence after an act, with its undo
    forms.py      forms; live.py: parts that follow what happens; formats.py: times, ids, numbers

How to add a page: README.md beside this file.
"""
