"""The clients of the OpenID provider, which may send people here to be verified.

/console/clients                     all, with how each is configured, and the streams of signals
/console/clients/new, …/<id>/edit    the form (forms.py); a secret is shown once
/console/clients/<id>                one, with the configuration for its side (pages.py)
/console/clients/<id>/…              replace the secret, disable, enable, remove: each asks first (actions.py)
"""

from connector.console.clients.pages import story

__all__ = ["story"]
