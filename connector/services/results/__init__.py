"""Results: receiving events, applying a run's status, deciding reviews, keeping output."""
