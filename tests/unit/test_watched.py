"""What is remembered of a resource between passes: its news, and how much has been borne."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from gitlab_azure_identity.api.conditions import ROLES_ASSIGNED
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.domain.changes import DeleteAssignment, PutCredential
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.naming import STORAGE_BLOB_DATA_CONTRIBUTOR
from gitlab_azure_identity.reconcile.watched import Memory, Watched

from .worlds import BEFORE_TEXT, NOW, PRINCIPAL, assignment, identity, resource, wanted

KEY, UID = Key("gitlab", "gitlab"), "uid"


def test_only_news_wakes() -> None:
    watched = Watched(KEY, UID)
    woken = []
    for told in (("uid", 1), ("uid", 1), ("uid", 2), ("other", 2)):
        watched.wake.clear()
        watched.notice(told, deleting=False)
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


def test_a_deletion_wakes_whatever_else_is_known() -> None:
    """A pass may have read the object already as the event tells of it."""
    watched = Watched(KEY, UID)
    watched.read(("uid", 2))

    watched.notice(("uid", 2), deleting=True)

    assert watched.wake.is_set()
    assert watched.deleting.is_set()


def waiting(reason: str, outlook: Outlook = Outlook.WAITING) -> Finding:
    return Finding(ROLES_ASSIGNED, "Unknown", reason, "…", outlook)


def test_how_long_a_link_waits_is_counted_for_its_reason() -> None:
    """An hour in which an earlier link did not hold is no hour of waiting for the principal."""
    watched = Watched(KEY, UID)
    told = [
        (0, waiting("Progressing"), 0),
        (10, waiting("Progressing"), 10),
        (3600, waiting("PrincipalNotFound"), 0),
        (3660, waiting("PrincipalNotFound"), 60),
        (3670, waiting("AzureUnavailable", Outlook.TRANSIENT), 0),  # says nothing of the principal
        (3680, waiting("PrincipalNotFound"), 80),
        (3700, waiting("Pending", Outlook.BLOCKED), 0),
        (3710, waiting("PrincipalNotFound"), 0),
    ]

    for seconds, finding, waited in told:
        assert watched.waited(finding, NOW + timedelta(seconds=seconds)) == waited, seconds


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


def test_who_shares_an_identity_looks_when_a_role_of_it_was_taken_away() -> None:
    """Azure allows one assignment of a role at a scope, so that who shares an identity shares it too."""
    memory = Memory()
    by, sharer, other = (memory.of(Key("gitlab", name), name) for name in ("by", "sharer", "other"))
    by.principal = sharer.principal = PRINCIPAL
    other.principal = "another"
    role = assignment("/scope", STORAGE_BLOB_DATA_CONTRIBUTOR)
    watched = (by, sharer, other)

    memory.revoked(by, [PutCredential(identity(), wanted().credentials[0])])
    assert not any(each.wake.is_set() for each in watched)

    memory.revoked(by, [DeleteAssignment(role)])
    assert [each.wake.is_set() for each in watched] == [False, True, False]
