"""The pods of releases, followed: one watch for each, and what is known when the API server does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.pods import Change, Listed, Pods
from gitlab_azure_identity.progress import Progress, _current, observed
from gitlab_azure_identity.reconcile import releases
from gitlab_azure_identity.reconcile.releases import Releases

from .test_workloads import pod

RELEASE = ("gitlab", "gitlab")
FIRST, SECOND = pod(number=1), pod(number=2)
FORBIDDEN = ClusterError(403, "Forbidden", "may not")
BUSY = ClusterError(503, "ServiceUnavailable", "not now")
TOO_OLD = ClusterError(410, "Expired", "too old resource version")


class Server:
    """An API server: what it answers to the lists in turn, and the events of its watches."""

    def __init__(self, *lists: tuple[Pod, ...] | Exception) -> None:
        self.lists = list(lists)
        self.asked: list[str] = []
        self.events: asyncio.Queue[Change | Exception | None] = asyncio.Queue()

    async def list(self, namespace: str, release: str) -> Listed:
        self.asked.append(f"list {namespace}/{release}")
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        return Listed(answer, "1")

    async def watch(self, namespace: str, release: str, version: str) -> AsyncGenerator[Change, None]:
        self.asked.append(f"watch {namespace}/{release} from {version}")
        while (event := await self.events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


def following(server: Server) -> Releases:
    return Releases(cast("Pods", server))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "FIRST_WAIT", 0.0)


async def news(follower: asyncio.Event) -> None:
    """Wait for news, and take note of it."""
    async with asyncio.timeout(5):
        await follower.wait()
    follower.clear()


async def test_pods_are_listed_once_and_then_followed() -> None:
    server, follower = Server((FIRST,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)

    assert await known.pods(RELEASE) == (FIRST,)
    follower.clear()
    server.events.put_nowait(Change("5", SECOND))
    await news(follower)
    assert known.known(RELEASE) == (FIRST, SECOND)

    server.events.put_nowait(Change("6", FIRST, gone=True))
    await news(follower)
    assert known.known(RELEASE) == (SECOND,)

    server.events.put_nowait(Change("7"))  # a bookmark
    server.events.put_nowait(None)  # the API server ends the watch
    server.events.put_nowait(Change("8", replace(SECOND, phase="Running")))
    await news(follower)
    assert server.asked == ["list gitlab/gitlab", "watch gitlab/gitlab from 1", "watch gitlab/gitlab from 7"]
    known.clear()


async def test_what_changes_nothing_is_no_news() -> None:
    server, follower = Server((FIRST,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    server.events.put_nowait(Change("5", FIRST))
    server.events.put_nowait(Change("6", SECOND))
    await news(follower)

    assert not follower.is_set()
    known.clear()


async def test_several_followers_share_a_watch_and_the_last_one_ends_it() -> None:
    server, one, another = Server((FIRST,)), asyncio.Event(), asyncio.Event()
    known = following(server)
    for follower in (one, another, one):
        known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    assert server.asked.count("list gitlab/gitlab") == 1

    known.leave(one)
    assert known.known(RELEASE) == (FIRST,)
    known.leave(another)

    assert known._followed == {}


async def test_whoever_follows_another_release_no_longer_follows_the_first() -> None:
    server, follower = Server((FIRST,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)

    known.follow(("gitlab", "second"), follower)
    await known.pods(("gitlab", "second"))

    assert list(known._followed) == [("gitlab", "second")]
    known.clear()


async def test_a_version_that_is_too_old_is_answered_by_a_list() -> None:
    server, follower = Server((FIRST,), (SECOND,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    server.events.put_nowait(TOO_OLD)
    await news(follower)

    assert known.known(RELEASE) == (SECOND,)
    known.clear()


@pytest.mark.parametrize("error", [FORBIDDEN, BUSY])
async def test_until_the_first_list_is_answered_nothing_is_known(error: ClusterError) -> None:
    server, follower = Server(error, (FIRST,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)

    with pytest.raises(ClusterError, match=error.reason):
        await known.pods(RELEASE)
    follower.clear()
    await news(follower)

    assert known.known(RELEASE) == (FIRST,)
    known.clear()


async def test_a_server_that_does_not_answer_for_a_while_takes_nothing_back() -> None:
    server, follower = Server((FIRST,), BUSY, (FIRST, SECOND)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    server.events.put_nowait(BUSY)
    assert known.known(RELEASE) == (FIRST,)
    await news(follower)

    assert known.known(RELEASE) == (FIRST, SECOND)
    known.clear()


async def test_a_right_that_was_taken_away_counts_at_once() -> None:
    server, follower = Server((FIRST,), FORBIDDEN), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    server.events.put_nowait(FORBIDDEN)
    await news(follower)

    with pytest.raises(ClusterError, match="Forbidden"):
        known.known(RELEASE)
    known.clear()


async def test_whoever_may_list_and_not_watch_knows_the_pods_by_lists() -> None:
    """Else the status would say in turn that the pods are known and that they are not."""
    server, follower = Server((FIRST,), (FIRST,), (FIRST, SECOND)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    for _ in range(2):
        server.events.put_nowait(FORBIDDEN)
    await news(follower)

    assert known.known(RELEASE) == (FIRST, SECOND)
    assert server.asked.count("list gitlab/gitlab") == 3
    known.clear()


async def test_a_watch_that_ends_at_once_is_not_begun_again_without_a_wait() -> None:
    server, follower = Server((FIRST,), (FIRST, SECOND)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)
    await known.pods(RELEASE)
    follower.clear()

    server.events.put_nowait(None)
    await news(follower)

    assert server.asked[:3] == ["list gitlab/gitlab", "watch gitlab/gitlab from 1", "list gitlab/gitlab"]
    known.clear()


async def test_a_defect_ends_no_wait_silently_and_the_next_follower_starts_again() -> None:
    server, follower = Server(KeyError("metadata"), (FIRST,)), asyncio.Event()
    known = following(server)
    known.follow(RELEASE, follower)

    with pytest.raises(KeyError):
        await known.pods(RELEASE)
    known.follow(RELEASE, follower)
    follower.clear()
    await news(follower)

    assert known.known(RELEASE) == (FIRST,)
    known.clear()


async def test_a_refusal_that_is_told_again_and_again_does_not_grow() -> None:
    """An error keeps the frames that it was raised through, and all that they know."""
    known, depths = following(Server(FORBIDDEN)), set[int]()
    known.follow(RELEASE, asyncio.Event())
    for _ in range(3):
        with pytest.raises(ClusterError) as refused:
            await known.pods(RELEASE)
        depths.add(len(refused.traceback))

    assert len(depths) == 1
    known.clear()


async def test_the_pods_are_followed_by_no_pass() -> None:
    """A pass only begins it: what is asked for later is neither its sign nor part of its trace."""
    server, follower = Server((FIRST,)), asyncio.Event()
    known, of_a_pass = following(server), Progress()
    with observed(of_a_pass):
        known.follow(RELEASE, follower)
    seen: list[Progress] = []
    server.asked = cast("Any", SimpleNamespace(append=lambda _: seen.append(_current.get())))
    await news(follower)

    assert of_a_pass not in seen
    known.clear()
