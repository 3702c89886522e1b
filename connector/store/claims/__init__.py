"""Statements on claims: whether each attribute of a user is verified, and for which value."""
