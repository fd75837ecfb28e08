"""What the process remembers of objects between passes. All of it may be lost with a restart."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.domain.assessment import Tolerance
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.expected import Expected
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.rollouts import Step
from gitlab_azure_identity.domain.workloads import Carried
from gitlab_azure_identity.waiting import within


@dataclass
class ObjectMemory:
    """The memory of one object. An object that is created later under the same name has a memory of its own."""

    key: Key
    uid: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    deleting: asyncio.Event = field(default_factory=asyncio.Event)
    seen: tuple[object, ...] | None = None
    attempts: int = 0  # attempts in a row with the same outlook
    outlook: Outlook = Outlook.GOOD
    principal: str | None = None  # of the managed identity that was observed last
    tolerance: Tolerance = field(default_factory=Tolerance)
    expected: Expected | None = None  # what the last pass left in the cluster; None: nothing is checked there
    pods: asyncio.Event = field(default_factory=asyncio.Event)  # a pod of its GitLab is news
    carried: Carried | None = None  # what the pods are to carry, by the last pass; None: they are not judged
    no_restart: Step | None = None  # why a restart was refused in this pass
    resource: Resource | None = None  # of the last pass, with the status written last; None: it could not be written
    changes: int = 0  # checks in a row that found something for a pass to do
    _look: asyncio.TimerHandle | None = None
    _posted: dict[Reason, Event] = field(default_factory=dict)
    _hostless: dict[str, datetime] = field(default_factory=dict)  # storage accounts without a host, and since when
    # by link: the reason of its wait, since when, and whether the wait has a limit
    _waiting: dict[Link, tuple[Reason, datetime, bool]] = field(default_factory=dict)

    def notice(self, news: tuple[object, ...], *, deleting: bool) -> None:
        """Note a watch event. It wakes the loop when it has news or shows the deletion of the object."""
        if self.seen != news or deleting > self.deleting.is_set():
            self.seen = news
            self.attempts = 0
            self.wake.set()
        if deleting:
            self.deleting.set()

    def read(self, news: tuple[object, ...]) -> None:
        """Note that a pass starts from this version of the object. The watch event of this version must not start another."""
        if self.seen == news:
            self.wake.clear()
        elif not self.wake.is_set():  # else an event has shown a newer version than the one that was read
            self.seen = news

    async def woken(self, seconds: float) -> bool:
        """Whether there is news within so many seconds."""
        return await within(seconds, self.wake)

    def look_again(self, seconds: float | None) -> None:
        """Have the pods judged again after so many seconds, also when none of them is news. None: not by itself."""
        if self._look:
            self._look.cancel()
        self._look = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.pods.set)

    async def stirred(self, seconds: float) -> bool:
        """Whether there is news, or a pod is news, within so many seconds."""
        return await within(seconds, self.wake, self.pods)

    def tolerate(self, now: float) -> Tolerance | None:
        """Count one more transient failure of a Ready resource. None when its conditions must now report it."""
        self.tolerance = self.tolerance.after_another(now)
        return self.tolerance if self.tolerance.lasts(now) else None

    def reset(self) -> None:
        """Note that a pass met no transient failure. The next one is the first in a row."""
        self.tolerance = Tolerance()

    def is_new(self, reason: Reason, event: Event | None) -> bool:
        """Whether an event about a lasting cause was not posted yet for this cause."""
        before = self._posted.pop(reason, None)
        if event is not None:
            self._posted[reason] = event
        return event is not None and event != before

    def waited(self, finding: Finding, now: datetime) -> float:
        """Note a finding. Returns the seconds for which its link has waited with this reason, or 0 when it does not wait.

        Waits that have a limit count as one, whatever their reasons: Azure may answer 404 and 409 in turn. The transition time of
        the condition does not show this: it stays when an Unknown condition changes its reason. A transient failure does not end
        a wait."""
        if finding.outlook is not Outlook.WAITING:
            if finding.outlook is not Outlook.TRANSIENT:
                self._waiting.pop(finding.link, None)
            return 0.0
        limited = finding.failure is not None and finding.failure.limit is not None
        reason, since, was_limited = self._waiting.get(finding.link, (None, now, False))
        if reason != finding.reason and not (limited and was_limited):
            since = now
        self._waiting[finding.link] = finding.reason, since, limited
        return (now - since).total_seconds()

    def hostless_for(self, accounts: Collection[str], seconds: float, now: datetime) -> frozenset[str]:
        """Note the storage accounts whose host is unknown. Returns those for which that has been so for so many seconds."""
        self._hostless = {account: self._hostless.get(account, now) for account in accounts}
        return frozenset(
            account for account, since in self._hostless.items() if (now - since).total_seconds() >= seconds
        )

    def waiting_since(self, resource: Resource, link: Link, reason: Reason, now: datetime) -> datetime | None:
        """Since when a link has waited with this reason. The status shows what a former process saw. A time in the future was
        written by somebody else, and does not count."""
        if link in self._waiting:
            known, since, _ = self._waiting[link]
            return since if known == reason else None
        before = resource.status.condition(link)
        if before is None or (before.status, before.reason) != ("Unknown", reason):
            return None
        since = datetime.fromisoformat(before.last_transition_time)
        return since if since <= now else None


class Memory:
    """The memory of every object, by its uid: events of two objects that had the same name may come in any order."""

    def __init__(self) -> None:
        self._objects: dict[str, ObjectMemory] = {}

    def get_or_add(self, key: Key, uid: str) -> ObjectMemory:
        return self._objects.setdefault(uid, ObjectMemory(key, uid))

    def forget(self, uid: str) -> ObjectMemory | None:
        return self._objects.pop(uid, None)

    def clear(self) -> None:
        self._objects.clear()

    def knows(self, key: Key) -> bool:
        """Whether an object of this key is remembered."""
        return any(one.key == key for one in self._objects.values())

    def revoked(self, uid: str, done: Iterable[Change]) -> None:
        """Wake the objects whose identity lost a role by a change for another object. Azure allows one assignment of a role at
        each scope, so resources that share an adopted identity share the assignment that the first of them created."""
        principals = {change.assignment.principal_id for change in done if isinstance(change, DeleteAssignment)}
        for one in self._objects.values():
            if one.uid != uid and one.principal in principals:
                one.wake.set()
