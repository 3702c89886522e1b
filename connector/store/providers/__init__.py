"""Statements on providers: their registration, their connection to Onfido, and the events that Onfido posts."""
