"""Providers: register them, reach Onfido on their behalf, set up and check their webhook."""
