"""Rules of a verification: how a run judges its claims, and the reasons in words."""
