"""Until when this process may write, to Azure and to the cluster.

Azure has no token that would make it refuse the write of a former leader. So the process itself sends none once its time is over,
and ends those that were sent before."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitlab_azure_identity.clock import SYSTEM, Clock

NOT_LEADING = "not sent: this replica does not lead any more"


class Permit:
    """A permit without an end, until `until` sets one."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock, self._end = clock, math.inf
        self._limits: dict[asyncio.Timeout, float] = {}  # of the writes that were sent, and their own time-outs

    def until(self, end: float) -> None:
        """Let the permit end at that time of the steady clock."""
        self._end = end
        for limit, own in self._limits.items():
            if not limit.expired():  # asyncio refuses to reschedule one whose write is being cancelled
                limit.reschedule(self._first(own))

    def withdraw(self) -> None:
        """End the permit now."""
        self.until(-math.inf)

    @property
    def left(self) -> float:
        """The seconds that are left: 0 when the permit has ended."""
        return max(0.0, self._end - self._clock.steady())

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Bounds a write: by so many seconds, and by the permit, which may be extended meanwhile. Raises TimeoutError, also
        before the write begins: the permit may have ended since somebody asked for it."""
        if not self.left:
            raise TimeoutError(NOT_LEADING)
        own = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout_at(self._first(own)) as limit:
            self._limits[limit] = own
            try:
                yield
            finally:
                del self._limits[limit]

    def _first(self, own: float) -> float:
        """When a write has to end, on the clock of the event loop."""
        return min(own, asyncio.get_running_loop().time() + self.left)
