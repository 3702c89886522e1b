"""Providers: registration, access to Onfido, setup and checks of their webhook."""
