"""Signals: changes of users' assurance, told to other systems by the Shared Signals Framework 1.0.

journal ──► tell_level ──► levels.py: is the user's level another one?  ──► writing.py: an event for each stream
                                                                          ├─► pushing.py  sent in their order
                                                                          └─► polling.py  fetched, and confirmed
streams.py   what receivers ask for: create, change and remove streams, their status, their subjects, verification
upkeep.py    streams whose events wait for too long are disabled
"""
