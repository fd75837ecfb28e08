"""The pods of GitLab releases. Each release is followed by one watch, however many resources name it."""

import asyncio
import logging
from contextvars import Context
from dataclasses import dataclass, field

from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.pods import Change, Pods

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two attempts to list the pods
log = logging.getLogger(__name__)

Release = tuple[str, str]
"""Namespace and name of a Helm release."""


@dataclass
class _Followed:
    """One release: its pods as they are known, or why they are not known."""

    pods: dict[str, Pod] = field(default_factory=dict)  # by uid
    refusal: ClusterError | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # the first list was answered
    followers: set[asyncio.Event] = field(default_factory=set)  # set when a pod is news
    task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        self.looked.set()
        for follower in self.followers:
            follower.set()


class Releases:
    """Follows releases. A follower is an event, which is set whenever a pod of its release is news."""

    def __init__(self, pods: Pods) -> None:
        self._reads = pods
        self._followed: dict[Release, _Followed] = {}

    def follow(self, release: Release, follower: asyncio.Event) -> None:
        """Follow a release, and no other any more."""
        known = self._followed.get(release)
        if known is None or follower not in known.followers:
            self.leave(follower)
            known = self._followed.setdefault(release, _Followed())
            known.followers.add(follower)
        if known.task is None or known.task.done():
            # No part of the pass that begins it: neither its sign, nor of its trace.
            known.task = asyncio.get_running_loop().create_task(self._keep(release, known), context=Context())

    def leave(self, follower: asyncio.Event) -> None:
        """Follow nothing any more. A release without followers is no longer watched."""
        for release, known in list(self._followed.items()):
            known.followers.discard(follower)
            if not known.followers:
                self._end(release)

    def clear(self) -> None:
        """End every watch."""
        for release in list(self._followed):
            self._end(release)

    def _end(self, release: Release) -> None:
        if task := self._followed.pop(release).task:
            task.cancel()

    async def pods(self, release: Release) -> tuple[Pod, ...]:
        """The pods of a release that is followed, after its first list. Raises ClusterError when they are not known."""
        await self._followed[release].looked.wait()
        return self.known(release)

    def known(self, release: Release) -> tuple[Pod, ...]:
        """The pods of a release that is followed, as they are known now. Raises ClusterError when they are not."""
        known = self._followed[release]
        if known.task and known.task.done():
            known.task.result()  # raises what ended it
        if known.refusal is not None:
            raise known.refusal.with_traceback(None)
        return tuple(known.pods.values())

    async def _keep(self, release: Release, known: _Followed) -> None:
        """Follow the pods of a release, for as long as it has a follower."""
        wait = FIRST_WAIT
        try:
            while True:
                if await self._list_and_watch(release, known):
                    wait = FIRST_WAIT
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
        finally:
            known.tell()

    async def _list_and_watch(self, release: Release, known: _Followed) -> bool:
        """List the pods, and follow them until a watch is refused, breaks, or tells nothing. Returns whether one told something.

        What a list answered stays known when a watch is refused: the next list says what is true then."""
        try:
            listed = await self._reads.list(*release)
        except ClusterError as error:
            self._refused(release, known, error)
            return False
        self._replace(known, {pod.uid: pod for pod in listed.pods})
        version, told = listed.version, True
        try:
            while told:
                told = False
                async for change in self._reads.watch(*release, version):
                    version, told = change.version, True
                    self._note(known, change)
        except ClusterError as error:
            if not error.expired:
                log.warning("pods of release %s/%s are not watched: %s", *release, error)
        return version != listed.version

    def _note(self, known: _Followed, change: Change) -> None:
        """Note an event of a watch."""
        if change.pod is None:
            return
        others = {uid: pod for uid, pod in known.pods.items() if uid != change.pod.uid}
        self._replace(known, others if change.gone else {**known.pods, change.pod.uid: change.pod})

    @staticmethod
    def _replace(known: _Followed, pods: dict[str, Pod]) -> None:
        if known.pods != pods or known.refusal is not None or not known.looked.is_set():
            known.pods, known.refusal = pods, None
            known.tell()

    @staticmethod
    def _refused(release: Release, known: _Followed, error: ClusterError) -> None:
        """Note why pods are not known. An API server that does not answer takes nothing back of what it answered before."""
        answered_before = known.looked.is_set() and known.refusal is None
        definite = 400 <= error.status < 500 and error.status != 429  # noqa: PLR2004
        if (definite or not answered_before) and str(error) != str(known.refusal):
            log.warning("pods of release %s/%s are not known: %s", *release, error)
            known.refusal = error
            known.tell()
