"""What is remembered of a resource between passes: its news, its finalizer, and how much has been borne."""

from __future__ import annotations

import asyncio
import time

import pytest

from gitlab_azure_identity.reconcile import watched as watched_module
from gitlab_azure_identity.reconcile.watched import Watched


def test_only_news_wakes() -> None:
    watched = Watched()
    woken = []
    for told in (("uid", 1), ("uid", 1), ("uid", 2), ("other", 2)):
        watched.wake.clear()
        watched.notice(told, held=True)
        woken.append(watched.wake.is_set())

    assert woken == [True, False, True, True]


def test_patience_with_failures_that_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two are borne, the third is told; so is the first after a quarter of an hour."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watched, slow = Watched(), Watched()

    assert [watched.bear() for _ in range(4)] == [1, 2, 0, 0]
    assert slow.bear() == 1
    now += 900.0
    assert slow.bear() == 0
    watched.forgive()
    assert watched.bear() == 1


async def test_who_waits_for_the_finalizer_goes_on_when_an_event_tells_of_it() -> None:
    watched = Watched()
    watched.notice(("uid", 1), held=False)
    waiting = asyncio.ensure_future(watched.held())
    await asyncio.sleep(0)
    assert not waiting.done()

    watched.notice(("uid", 1), held=True)

    assert await waiting


@pytest.mark.parametrize("told", [[], [False], [True, False]], ids=["no event yet", "not held", "held no more"])
async def test_who_waits_for_the_finalizer_does_not_wait_for_ever(
    told: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """kopf asks no second time when it is refused."""
    monkeypatch.setattr(watched_module, "HOLD_PATIENCE", 0.001)
    watched = Watched()
    for held in told:
        watched.notice(("uid", 1), held=held)

    assert not await watched.held()
