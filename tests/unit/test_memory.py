"""The memory of a resource between passes: its news, the posted events, and the tolerated failures."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.domain.assessment import Tolerance
from gitlab_azure_identity.domain.changes import DeleteAssignment, PutCredential
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR
from gitlab_azure_identity.reconcile.memory import Memory, ObjectMemory

from .worlds import BEFORE_TEXT, NOW, PRINCIPAL, STORAGE, assignment, identity, resource, wanted

KEY, UID = Key("gitlab", "gitlab"), "uid"


def test_only_news_wakes() -> None:
    watched = ObjectMemory(KEY, UID)
    woken = []
    for news in (("uid", 1), ("uid", 1), ("uid", 2), ("other", 2)):
        watched.wake.clear()
        watched.notice(news, deleting=False)
        woken.append(watched.wake.is_set())

    assert woken == [True, False, True, True]


def test_two_transient_failures_in_a_row_are_tolerated() -> None:
    """The third is reported. So is the first after a quarter of an hour."""
    watched, slow = ObjectMemory(KEY, UID), ObjectMemory(KEY, UID)

    counts = [tolerance and tolerance.count for tolerance in (watched.tolerate(1000.0) for _ in range(4))]
    assert counts == [1, 2, None, None]
    assert slow.tolerate(1000.0)
    assert slow.tolerate(1900.0) is None
    watched.reset()
    assert watched.tolerate(2000.0) == Tolerance(1, 2000.0)


def test_an_event_about_a_lasting_cause_is_posted_once_for_each_cause() -> None:
    watched = ObjectMemory(KEY, UID)
    one, two = (Event("Warning", Reason.IDENTITY_PINNED, text) for text in ("one", "two"))

    posted = [watched.is_new(Reason.IDENTITY_PINNED, event) for event in (None, one, one, two, None, two)]

    assert posted == [False, True, False, True, False, True]


def test_a_time_in_the_future_in_a_status_does_not_count() -> None:
    condition = {
        "type": Link.ROLES,
        "status": "Unknown",
        "observedGeneration": 1,
        "lastTransitionTime": "2099-01-01T00:00:00Z",
        "reason": Reason.PROPAGATING,
        "message": "…",
    }
    one = resource(status={"conditions": [condition]})

    assert ObjectMemory(KEY, UID).waiting_since(one, Link.ROLES, Reason.PROPAGATING, NOW) is None


def test_a_deletion_wakes_whatever_else_is_known() -> None:
    """A pass may already have read the version that the event shows."""
    watched = ObjectMemory(KEY, UID)
    watched.read(("uid", 2))

    watched.notice(("uid", 2), deleting=True)

    assert watched.wake.is_set()
    assert watched.deleting.is_set()


def test_a_version_that_was_read_late_is_no_news_and_hides_none() -> None:
    """The watch has shown a newer version than the one that a pass reads: the pass after it reads that one."""
    watched = ObjectMemory(KEY, UID)
    watched.notice(("uid", 3), deleting=False)

    watched.read(("uid", 2))
    still_awake = watched.wake.is_set()
    watched.read(("uid", 3))

    assert (still_awake, watched.wake.is_set()) == (True, False)


def waiting(reason: Reason, outlook: Outlook = Outlook.WAITING) -> Finding:
    return failed(Link.ROLES, Failure(reason, "…", outlook))


def test_how_long_a_link_waits_is_counted_for_its_reason() -> None:
    """An hour in which an earlier link did not hold does not count as a wait for the principal."""
    watched = ObjectMemory(KEY, UID)
    findings = [
        (0, waiting(Reason.PROGRESSING), 0),
        (10, waiting(Reason.PROGRESSING), 10),
        (3600, waiting(Reason.PRINCIPAL_NOT_FOUND), 0),
        (3660, waiting(Reason.PRINCIPAL_NOT_FOUND), 60),
        (3670, waiting(Reason.AZURE_UNAVAILABLE, Outlook.TRANSIENT), 0),  # does not say whether the principal is known
        (3680, waiting(Reason.PRINCIPAL_NOT_FOUND), 80),
        (3700, waiting(Reason.PENDING, Outlook.BLOCKED), 0),
        (3710, waiting(Reason.PRINCIPAL_NOT_FOUND), 0),
    ]

    for seconds, finding, waited in findings:
        assert watched.waited(finding, NOW + timedelta(seconds=seconds)) == waited, seconds


def test_waits_with_a_limit_count_as_one() -> None:
    """Azure answers 404 and 409 in turn: what keeps changing its code must not wait for ever."""
    watched = ObjectMemory(KEY, UID)
    findings = [
        (0, Reason.PROGRESSING, None, 0),
        (100, Reason.NOT_KNOWN_YET, 300.0, 0),
        (200, Reason.OPERATION_IN_PROGRESS, 600.0, 100),
        (350, Reason.NOT_KNOWN_YET, 300.0, 250),
        (360, Reason.PROGRESSING, None, 0),
        (370, Reason.NOT_KNOWN_YET, 300.0, 0),
    ]

    for seconds, reason, limit, waited in findings:
        finding = failed(Link.ROLES, Failure(reason, "…", Outlook.WAITING, None, limit, "over"))
        assert watched.waited(finding, NOW + timedelta(seconds=seconds)) == waited, seconds


def test_how_long_the_host_of_a_storage_account_has_been_unknown() -> None:
    watched = ObjectMemory(KEY, UID)
    seen = [
        (0, {"a"}, set()),
        (30, {"a", "b"}, set()),
        (60, {"a", "b"}, {"a"}),
        (70, {"b"}, set()),
        (90, {"a", "b"}, {"b"}),
    ]

    for seconds, hostless, gone in seen:
        assert watched.hostless_for(hostless, 60.0, NOW + timedelta(seconds=seconds)) == gone, seconds


@pytest.mark.parametrize(
    ("reason", "since"), [(Reason.PROPAGATING, BEFORE_TEXT), (Reason.PENDING, None)], ids=["the same", "another"]
)
def test_the_status_shows_what_a_former_process_waited_for(reason: Reason, since: str | None) -> None:
    condition = {
        "type": Link.ROLES,
        "status": "Unknown",
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE_TEXT,
        "reason": reason,
        "message": "…",
    }
    one, watched = resource(status={"conditions": [condition]}), ObjectMemory(KEY, UID)
    moment = datetime.fromisoformat(since) if since else None

    assert watched.waiting_since(one, Link.ROLES, Reason.PROPAGATING, NOW) == moment
    watched.waited(waiting(Reason.PROPAGATING), NOW)
    assert watched.waiting_since(one, Link.ROLES, Reason.PROPAGATING, NOW) == NOW


def test_resources_that_share_an_identity_are_woken_when_it_loses_a_role() -> None:
    """Azure allows one assignment of a role at each scope, so resources that share an identity share its assignments."""
    memory = Memory()
    by, sharer, other = (memory.get_or_add(Key("gitlab", name), name) for name in ("by", "sharer", "other"))
    by.principal = sharer.principal = PRINCIPAL
    other.principal = "another"
    role = assignment(f"{STORAGE}/gitlabstore", STORAGE_BLOB_DATA_CONTRIBUTOR)
    watched = (by, sharer, other)

    memory.revoked("by", [PutCredential(identity(), wanted().credentials[0])])
    assert not any(each.wake.is_set() for each in watched)

    memory.revoked("by", [DeleteAssignment(role)])
    assert [each.wake.is_set() for each in watched] == [False, True, False]
