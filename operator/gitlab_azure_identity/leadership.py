"""Leader election: one replica works, the others stand by.

A Lease says who leads. The leader renews it. Whoever sees it unchanged for its whole duration may take it. Times are taken from
the steady clock of each process, and never compared between processes, as client-go does (tools/leaderelection).

Anybody with the right may edit the Lease or delete it. The leader learns that only when it renews the Lease, and may write until
then. So it is no reason for another to take the Lease sooner. The leader writes it again, unless another's name stands there.

The leader's permit to write is counted from the moment before it sent its last successful renewal, and is shorter than the Lease.
So it has ended before anybody else can lead, also when the API server does not answer any more."""

import asyncio
import logging
import math
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.leases import Lease, Leases, is_conflict
from gitlab_azure_identity.metrics import LEADER
from gitlab_azure_identity.permit import Permit
from gitlab_azure_identity.waiting import unless, within

log = logging.getLogger(__name__)
Done = TypeVar("Done")


@dataclass(frozen=True)
class Timing:
    """Seconds: how long a Lease is good without renewal, how long its holder may write without renewal, and the time between two
    renewals."""

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


def own_name() -> str:
    """A holder's name: the pod, and which run of it."""
    return f"{os.environ.get('HOSTNAME', 'operator')}_{uuid.uuid4().hex[:8]}"


class Sight:
    """What one that waits has seen of the Lease, and when it may take it."""

    def __init__(self, holder: str, duration: float, clock: Clock) -> None:
        self._holder, self._duration, self._clock = holder, duration, clock
        self.lease: Lease | None = None
        self._free = -math.inf

    def note(self, lease: Lease | None) -> None:
        """Note the Lease as it is now. None: it does not exist."""
        if lease == self.lease:
            return
        former, self.lease = self.lease, lease
        now = self._clock.steady()
        if lease and (lease.given_back or lease.holder == self._holder):
            self._free = now
        elif lease and lease.holder:
            self._free = now + max(lease.duration, self._duration)
        elif former and former.holder:  # somebody deleted it or took the name out: its holder does not know that yet
            self._free = now + self._duration

    @property
    def holder(self) -> str:
        """Who holds it, in words."""
        return (self.lease.holder if self.lease else "") or "somebody whose name was taken out"

    @property
    def left(self) -> float:
        """The seconds until the Lease may be taken, unless it is renewed."""
        return max(0.0, self._free - self._clock.steady())


class Leadership:
    """The terms in which this process leads."""

    def __init__(
        self, leases: Leases, holder: str, timing: Timing, permit: Permit, standby: asyncio.Event, clock: Clock
    ) -> None:
        """`permit` lasts as long as a term. `standby` is set while another holds the Lease, and it can be read."""
        self._leases, self._holder, self._timing = leases, holder, timing
        self._permit, self._standby, self._clock = permit, standby, clock
        permit.withdraw()
        LEADER.labels(leases.name).set(0)

    async def terms(self, stop: asyncio.Event) -> AsyncGenerator[asyncio.Event, None]:
        """An event for each term, until `stop` is set. The event is set when the term ends, or when `stop` is set: the work that
        belongs to the term then has to end. The Lease is given back after it did."""
        while not stop.is_set() and (lease := await unless(stop, self._taken())) is not None:
            over = asyncio.Event()
            keeping = asyncio.ensure_future(self._keep(lease, over))
            ending = asyncio.ensure_future(self._end(stop, over))
            log.info("leading: %s", self._leases)
            LEADER.labels(self._leases.name).set(1)
            try:
                yield over
            finally:
                LEADER.labels(self._leases.name).set(0)
                over.set()
                ending.cancel()
                await self._give_back(await keeping)

    async def _taken(self) -> Lease:
        """The Lease, as soon as nobody else holds it."""
        sight = Sight(self._holder, self._timing.duration, self._clock)
        while True:
            try:
                sight.note(await self._leases.get())
                if not sight.left:
                    return await self._take(sight.lease)
                if not self._standby.is_set():
                    log.info("standing by: %s is held by %s", self._leases, sight.holder)
                self._standby.set()
                await self._follow(sight)
            except ClusterError as error:
                if not is_conflict(error):
                    self._standby.clear()
                    log.warning("%s cannot be taken: %s", self._leases, error)
                    await asyncio.sleep(self._timing.retry)

    async def _follow(self, sight: Sight) -> None:
        """Follow the Lease until it may be taken. A watch may end before that: one that ends at once is not begun again before
        the time between two renewals. Raises ClusterError."""
        again = self._clock.steady() + self._timing.retry
        try:
            async with asyncio.timeout(sight.left) as limit:
                async with aclosing(self._leases.versions(sight.lease)) as versions:
                    async for lease in versions:
                        sight.note(lease)
                        limit.reschedule(asyncio.get_running_loop().time() + sight.left)
                await asyncio.sleep(again - self._clock.steady())
        except TimeoutError:
            pass  # the caller looks whether it was renewed

    async def _take(self, former: Lease | None) -> Lease:
        asked = self._clock.steady()
        lease = await self._leases.take(former, self._holder, self._timing.duration, self._clock.now())
        self._permit.until(asked + self._timing.deadline)
        self._standby.clear()
        return lease

    async def _keep(self, lease: Lease, over: asyncio.Event) -> Lease | None:
        """Renew the Lease until the term is over. Returns the Lease as it was renewed last, or None when it was lost."""
        while not await within(self._timing.retry, over):
            asked = self._clock.steady()
            try:
                lease = await self._as_holder(lease, lambda mine: self._leases.renew(mine, self._clock.now()))
            except ClusterError as error:
                log.warning("%s was not renewed: %s", self._leases, error)
                if is_conflict(error):
                    self._permit.withdraw()
                    over.set()
            else:
                if self._permit.left:
                    self._permit.until(asked + self._timing.deadline)
        return lease if self._permit.left else None

    async def _as_holder(self, lease: Lease, write: Callable[[Lease], Awaitable[Done]]) -> Done:
        """Write the Lease. Where it was written or deleted since, it still is this process's unless it names another: the answer
        to a write was lost, or somebody edited it. Raises ClusterError, with status 409 when it names another."""
        try:
            return await write(lease)
        except ClusterError as error:
            if not (is_conflict(error) or error.not_found):
                raise
            found = await self._leases.get()
            if found and found.holder not in ("", self._holder):
                raise
            log.warning("%s was written or deleted since its last renewal, and names nobody else", self._leases)
            if found is None:
                found = await self._leases.take(None, self._holder, self._timing.duration, self._clock.now())
            return await write(replace(lease, version=found.version, transitions=found.transitions))

    async def _end(self, stop: asyncio.Event, over: asyncio.Event) -> None:
        """End the term when `stop` is set, or when the Lease was not renewed in time."""
        while left := self._permit.left:
            if await within(left, stop):
                break
        else:
            log.error("the leadership was lost: %s was not renewed in time", self._leases)
        over.set()

    async def _give_back(self, lease: Lease | None) -> None:
        """Give the Lease back, when it was not lost. No write of the term is sent after that."""
        self._permit.withdraw()
        if lease is None:
            return
        try:
            await self._as_holder(lease, lambda mine: self._leases.give_back(mine, self._clock.now()))
        except ClusterError as error:
            log.warning("%s was not given back: %s", self._leases, error)
