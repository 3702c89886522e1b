"""Statements on users: those of the embedded directory, and what is stored of users elsewhere."""
