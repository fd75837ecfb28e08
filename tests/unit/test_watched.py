"""What is remembered of a resource between passes: its news, its finalizer, and how much has been borne."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from gitlab_azure_identity.api.conditions import ROLES_ASSIGNED
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.reconcile import watched as watched_module
from gitlab_azure_identity.reconcile.watched import Watched

from .worlds import BEFORE_TEXT, NOW, resource

KEY, UID = Key("gitlab", "gitlab"), "uid"


def test_only_news_wakes() -> None:
    watched = Watched(KEY, UID)
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
    watched, slow = Watched(KEY, UID), Watched(KEY, UID)

    assert [watched.bear() for _ in range(4)] == [1, 2, 0, 0]
    assert slow.bear() == 1
    now += 900.0
    assert slow.bear() == 0
    watched.forgive()
    assert watched.bear() == 1


async def test_who_waits_for_the_finalizer_goes_on_when_an_event_tells_of_it() -> None:
    watched = Watched(KEY, UID)
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
    watched = Watched(KEY, UID)
    for held in told:
        watched.notice(("uid", 1), held=held)

    assert not await watched.held()


def waiting(reason: str, outlook: Outlook = Outlook.WAITING) -> Finding:
    return Finding(ROLES_ASSIGNED, "Unknown", reason, "…", outlook)


def test_how_long_a_link_waits_is_counted_for_its_reason() -> None:
    """An hour in which an earlier link did not hold is no hour of waiting for the principal."""
    watched = Watched(KEY, UID)
    later = [NOW + timedelta(seconds=seconds) for seconds in (0, 10, 3600, 3660, 3700, 3710)]
    seen = [
        waiting("Progressing"),
        waiting("Progressing"),
        waiting("PrincipalNotFound"),
        waiting("PrincipalNotFound"),
        waiting("Pending", Outlook.BLOCKED),
        waiting("PrincipalNotFound"),
    ]

    assert [watched.waited(one, now) for one, now in zip(seen, later, strict=True)] == [0, 10, 0, 60, 0, 0]


@pytest.mark.parametrize(
    ("reason", "since"), [("Propagating", BEFORE_TEXT), ("Pending", None)], ids=["the same", "another"]
)
def test_what_an_earlier_process_waited_for_is_told_by_the_status(reason: str, since: str | None) -> None:
    told = {
        "type": ROLES_ASSIGNED,
        "status": "Unknown",
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE_TEXT,
        "reason": reason,
        "message": "…",
    }
    one, watched = resource(status={"conditions": [told]}), Watched(KEY, UID)
    moment = datetime.fromisoformat(since) if since else None

    assert watched.waiting_since(one, ROLES_ASSIGNED, "Propagating") == moment
    watched.waited(waiting("Propagating"), NOW)
    assert watched.waiting_since(one, ROLES_ASSIGNED, "Propagating") == NOW
