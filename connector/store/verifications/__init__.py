"""Statements on verifications, from the right to initiate one to its result."""
