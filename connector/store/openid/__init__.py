"""Statements on the OpenID provider: its clients, their requests, its guests and keys."""
