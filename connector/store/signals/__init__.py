"""Statements on signals: streams, their events, and the levels that they were sent."""
