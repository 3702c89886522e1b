"""Rules of a provider: its configuration, its claim mapping, its set-up and its health."""
