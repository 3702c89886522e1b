"""Results: receive events, apply a run's status, decide reviews, keep results."""
