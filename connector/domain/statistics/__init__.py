"""Statistics: what is counted, by day and hour, and the numbers derived from it."""
