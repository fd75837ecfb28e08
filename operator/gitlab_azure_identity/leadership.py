"""Leader election: one replica works, the others stand by.

A Lease says who leads. The leader renews it. Whoever sees it unchanged for its whole duration may take it. Times are taken from
the steady clock of each process, and never compared between processes, as client-go does (tools/leaderelection).

The leader's permit to write is counted from the moment before it sent its last successful renewal, and is shorter than the Lease.
So it has ended before anybody else can lead, also when the API server does not answer any more."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
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
                over.set()
                ending.cancel()
                await self._give_back(await keeping)
                LEADER.labels(self._leases.name).set(0)

    async def _taken(self) -> Lease:
        """The Lease, as soon as nobody else holds it. One that names this process was taken by a request whose answer was lost,
        or in a term that has ended."""
        seen: Lease | None = None
        expiry = 0.0
        while True:
            try:
                lease = await self._leases.get()
                if lease and (seen is None or lease.version != seen.version):
                    seen, expiry = lease, self._expiry(lease)
                if lease is None or lease.holder in ("", self._holder) or self._clock.steady() >= expiry:
                    return await self._take(lease)
                if not self._standby.is_set():
                    log.info("standing by: %s is held by %s", self._leases, lease.holder)
                self._standby.set()
                seen, expiry = await self._followed(lease, expiry)
            except ClusterError as error:
                if not is_conflict(error):
                    self._standby.clear()
                    log.warning("%s cannot be taken: %s", self._leases, error)
                    await asyncio.sleep(self._timing.retry)

    def _expiry(self, lease: Lease) -> float:
        """When a Lease that is seen now may be taken, unless it is renewed."""
        return self._clock.steady() + lease.duration

    async def _followed(self, lease: Lease, expiry: float) -> tuple[Lease, float]:
        """Follow the renewals of another, until there is none in time or the Lease was given back. Returns the last version that
        was seen, and when that may be taken. A watch may end before that. Raises ClusterError."""
        try:
            async with asyncio.timeout(expiry - self._clock.steady()) as limit:
                async with aclosing(self._leases.versions(lease)) as versions:
                    async for version in versions:
                        lease, expiry = version, self._expiry(version)
                        if not lease.holder:
                            break
                        limit.reschedule(asyncio.get_running_loop().time() + lease.duration)
        except TimeoutError:
            pass  # the caller looks whether it was renewed
        return lease, expiry

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
                if is_conflict(error) or error.not_found:
                    self._permit.withdraw()
                    over.set()
            else:
                if self._permit.left:
                    self._permit.until(asked + self._timing.deadline)
        return lease if self._permit.left else None

    async def _as_holder(self, lease: Lease, write: Callable[[Lease], Awaitable[Done]]) -> Done:
        """Write the Lease. A version that is not known here may still name this process: the answer to a write was lost, or
        somebody has labelled the Lease. Raises ClusterError, with status 409 when it names another."""
        try:
            return await write(lease)
        except ClusterError as error:
            if not is_conflict(error):
                raise
            found = await self._leases.get()
            if found is None or found.holder != self._holder:
                raise
            return await write(found)

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
