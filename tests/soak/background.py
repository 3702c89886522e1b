"""Work in a thread of its own, until it is stopped."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """Runs from `start` to `stop`; `stopping` is set once it has to end."""

    def __init__(self, name: str) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self.stopping.set()
        self._thread.join()

    @abstractmethod
    def run(self) -> None:
        """Work until `stopping` is set."""
