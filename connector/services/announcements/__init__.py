"""Announcing the journal's changes to each kind of subscriber."""
