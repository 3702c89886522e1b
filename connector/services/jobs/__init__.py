"""Jobs: long work on request, done by the worker in steps that survive a restart."""
