"""Signals: changes of users' assurance, sent to other systems by the Shared Signals Framework 1.0.

journal ──► tell_level ──► levels.py: has the user's level changed?  ──► writing.py: an event for each stream
                                                                          ├─► pushing.py  sent in their order
                                                                          └─► polling.py  fetched and confirmed
streams.py   the requests of receivers: create, change and remove streams, their status, their subjects, verification
upkeep.py    streams whose events wait for too long are disabled
"""
