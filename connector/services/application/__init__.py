"""What concerns the application: tasks to complete, notices, watchlist matches and monitors."""
