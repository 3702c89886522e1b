"""Rules of users: their ids, and their status for help desks and directories."""
