"""Jobs: long work that people ask for, done by the worker in steps that survive a restart."""
