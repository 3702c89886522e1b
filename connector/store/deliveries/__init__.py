"""Statements on the outbox and its deliveries, which are queued in the transaction that causes them."""
