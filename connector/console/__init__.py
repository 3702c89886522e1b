"""The administrators' console: pages at `/console`, rendered by the server from the use cases.

story.py      pages and actions of one story: their scopes, and the protection of posts against forgery
stories.py    the stories and their places in the menu; each is a module or a package
frame.py      installs the console in the application: templates, files, translations, headers, errors
viewer.py     who is signed in; sign_in.py: by OpenID Connect, one_time_links.py: under --dev
words.py      how a state is shown: icon, word, colour
confirm.py    the question before a destructive action; notices.py: the message after an action, with its undo
forms.py      forms; live.py: parts of a page that are polled; formats.py: times, ids, numbers

How to add a page: README.md beside this file.
"""
