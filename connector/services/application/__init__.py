"""Use cases for applications: tasks to complete, notices, watchlist matches and monitors."""
