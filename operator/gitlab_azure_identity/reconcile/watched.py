"""What is remembered of objects between passes; nothing that a restart may not lose."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment
from gitlab_azure_identity.domain.findings import Finding, Outlook

BEAR_COUNT = 3  # transient failures in a row that a Ready resource may meet before its conditions say so
BEAR_SECONDS = 900.0


@dataclass
class Watched:
    """One object, as its events and passes have it. One that is made later under the same name is another."""

    key: Key
    uid: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    deleting: asyncio.Event = field(default_factory=asyncio.Event)
    seen: tuple[object, ...] | None = None
    attempts: int = 0  # in a row that came to the same outlook
    outlook: Outlook = Outlook.GOOD
    principal: str | None = None  # of the managed identity that the last look found
    pin_told: str | None = None  # what the Warning of a pinned identity has been said of
    twin_told: bool = False  # whether the Warning of another cluster of our name has been said
    _transient_since: float | None = None
    _transient_count: int = 0
    _waiting: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # condition to reason, and since when

    def notice(self, news: tuple[object, ...], *, deleting: bool) -> None:
        """An event came: a change of its news wakes the loop, and so does its deletion; the same again does not."""
        if self.seen != news or deleting > self.deleting.is_set():
            self.seen = news
            self.attempts = 0
            self.wake.set()
        if deleting:
            self.deleting.set()

    def read(self, news: tuple[object, ...]) -> None:
        """A pass begins with this news: its event, come already or still to come, needs no other pass."""
        if self.seen == news:
            self.wake.clear()
        elif not self.wake.is_set():  # else an event told of something newer than what was read
            self.seen = news

    async def woken(self, seconds: float) -> bool:
        """Whether there is news within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    def bear(self) -> int:
        """How many transient failures a Ready resource has met in a row, this one included, while its conditions may stay as
        they are; 0 when they may not any longer."""
        now = time.monotonic()
        self._transient_since = self._transient_since or now
        self._transient_count += 1
        patient = self._transient_count < BEAR_COUNT and now - self._transient_since < BEAR_SECONDS
        return self._transient_count if patient else 0

    def forgive(self) -> None:
        """No failure this time: the next one is the first in a row."""
        self._transient_since, self._transient_count = None, 0

    def waited(self, finding: Finding, now: datetime) -> float:
        """Take note of a finding: the seconds that its condition has been waiting for this very reason; 0 where it is not.
        The condition's transition time cannot tell: it stays when an Unknown changes its reason. A failure that passes says
        nothing of what is waited for."""
        if finding.outlook is not Outlook.WAITING:
            if finding.outlook is not Outlook.TRANSIENT:
                self._waiting.pop(finding.condition, None)
            return 0.0
        reason, since = self._waiting.get(finding.condition, ("", now))
        since = since if reason == finding.reason else now
        self._waiting[finding.condition] = finding.reason, since
        return (now - since).total_seconds()

    def waiting_since(self, resource: Resource, condition: str, reason: str) -> datetime | None:
        """Since when a condition has been waiting for this reason; what an earlier process saw is told by the status."""
        if condition in self._waiting:
            known, since = self._waiting[condition]
            return since if known == reason else None
        before = resource.status.condition(condition)
        if before is None or (before.status, before.reason) != ("Unknown", reason):
            return None
        return datetime.fromisoformat(before.last_transition_time)


class Memory:
    """What is remembered of every object, by its uid: events of two that bore one name may come in any order."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}

    def of(self, key: Key, uid: str) -> Watched:
        return self._watched.setdefault(uid, Watched(key, uid))

    def forget(self, uid: str) -> None:
        self._watched.pop(uid, None)

    def clear(self) -> None:
        self._watched.clear()

    def knows(self, key: Key) -> bool:
        """Whether there is an object of this name."""
        return any(watched.key == key for watched in self._watched.values())

    def revoked(self, by: Watched, done: Iterable[Change]) -> None:
        """Have those look whose identity lost a role by what was done for another. Azure allows one assignment of a role at a
        scope: resources that share an adopted identity share what the first of them made."""
        principals = {change.assignment.principal_id for change in done if isinstance(change, DeleteAssignment)}
        for watched in self._watched.values():
            if watched is not by and watched.principal in principals:
                watched.wake.set()
