"""Numbers for administrators and metrics: counted from rows, or kept by day and hour."""
