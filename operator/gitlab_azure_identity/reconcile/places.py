"""The places in which passes and deletions run, and what runs there now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import SYSTEM, Clock
from gitlab_azure_identity.metrics import ACTIVE_WORKERS, CONTROLLER, LONGEST_RUNNING, MAX_CONCURRENT, QUEUED
from gitlab_azure_identity.progress import Progress, longest_silence, observed


class Places:
    """So many passes and deletions run at the same time. The others wait, in the order in which they came."""

    def __init__(self, count: int, request_timeout: float, clock: Clock = SYSTEM) -> None:
        self._free, self._clock = asyncio.Semaphore(count), clock
        self._limit = longest_silence(request_timeout)
        self._running: dict[Progress, Key] = {}
        self.queued = 0
        MAX_CONCURRENT.labels(CONTROLLER).set(count)
        ACTIVE_WORKERS.labels(CONTROLLER).set_function(lambda: self.active)
        QUEUED.labels(CONTROLLER, CONTROLLER).set_function(lambda: self.queued)
        LONGEST_RUNNING.labels(CONTROLLER, CONTROLLER).set_function(self.oldest)

    @asynccontextmanager
    async def place(self, key: Key) -> AsyncIterator[None]:
        """Wait for a place, and keep it."""
        self.queued += 1
        try:
            await self._free.acquire()
        finally:
            self.queued -= 1
        progress = Progress(self._clock)
        self._running[progress] = key
        try:
            with observed(progress):
                yield
        finally:
            del self._running[progress]
            self._free.release()

    @property
    def active(self) -> int:
        """How many passes and deletions run now."""
        return len(self._running)

    def oldest(self) -> float:
        """The age, in seconds, of the oldest pass or deletion that has not ended. 0 when none runs."""
        return max((progress.age for progress in self._running), default=0.0)

    def stuck(self) -> dict[Key, float]:
        """The resources whose pass or deletion hangs, and for how many seconds."""
        silent = {key: progress.silence for progress, key in self._running.items()}
        return {key: silence for key, silence in silent.items() if silence > self._limit}
