"""What could not be removed: the entries of the status, pass by pass, and the one event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import LingeringStatus
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    DeleteObject,
    ReleaseObject,
    Revocation,
)
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.judge import PassRecord
from gitlab_azure_identity.domain.lingering import lingering, lingering_event, still_lingering
from gitlab_azure_identity.domain.observed import Observed

from .worlds import identity, standing, wanted

HAVE = standing()
LOCKED = Failure(Reason.SCOPE_LOCKED, "A lock forbids it.", Outlook.STALLED)
AGAIN = replace(LOCKED, message="Another lock forbids it.")
ROLE = DeleteAssignment(HAVE.assignments[0])
SECRET = DeleteObject(HAVE.objects["Secret", "gitlab-registry-storage"])
REMOVALS: dict[str, tuple[Revocation, str]] = {
    "RoleAssignment": (ROLE, HAVE.assignments[0].name),
    "FederatedCredential": (
        DeleteCredential(identity(), wanted().credentials[0]),
        wanted().credentials[0].name,
    ),
    "ManagedIdentity": (DeleteIdentity(identity()), "lab-gitlab-gitlab"),
    "Secret": (SECRET, "gitlab-registry-storage"),
    "ServiceAccount": (ReleaseObject(HAVE.objects["ServiceAccount", "gitlab"]), "gitlab"),
}


def entry(kind: str, name: str, failure: Failure = LOCKED) -> LingeringStatus:
    return LingeringStatus(kind=kind, name=name, message=failure.message)


def after(
    before: list[LingeringStatus],
    *failed: tuple[Change, Failure],
    pending: tuple[Change, ...] = (),
    unseen: frozenset[Link] = frozenset(),
) -> list[LingeringStatus]:
    return lingering(before, PassRecord({}, failed), pending, unseen)


@pytest.mark.parametrize("kind", REMOVALS)
def test_a_removal_that_failed_is_told_with_kind_name_and_reason(kind: str) -> None:
    change, name = REMOVALS[kind]

    assert after([], (change, LOCKED), pending=(change,)) == [entry(kind, name)]


KNOWN = entry("RoleAssignment", HAVE.assignments[0].name)


def test_an_entry_stays_until_its_removal_succeeds() -> None:
    assert after([KNOWN], (ROLE, AGAIN), pending=(ROLE,)) == [entry(KNOWN.kind, KNOWN.name, AGAIN)]
    assert after([KNOWN], pending=(ROLE,)) == [KNOWN]  # it was not tried in this pass
    assert after([KNOWN], pending=(SECRET,)) == []  # it is gone, or wanted again


@pytest.mark.parametrize(("unseen", "kept"), [(Link.ROLES, [KNOWN]), (Link.CREDENTIALS, []), (Link.SECRETS, [])])
def test_an_entry_stays_while_its_link_cannot_be_seen(unseen: Link, kept: list[LingeringStatus]) -> None:
    assert after([KNOWN], unseen=frozenset({unseen})) == kept


def test_an_entry_of_a_kind_in_the_cluster_stays_while_it_cannot_be_seen() -> None:
    known = [entry("Secret", "a"), entry("ServiceAccount", "b")]

    assert after(known, unseen=frozenset({Link.SECRETS})) == known[:1]
    assert after(known, unseen=frozenset({Link.SERVICE_ACCOUNTS})) == known[1:]


def test_while_a_deletion_waits_an_entry_stays_until_what_it_names_is_removed() -> None:
    known = [
        KNOWN,
        entry("FederatedCredential", wanted().credentials[0].name),
        entry("Secret", "gitlab-registry-storage"),
    ]

    assert still_lingering(known, HAVE, ()) == known
    assert still_lingering(known, replace(HAVE, assignments=()), ()) == known[1:]
    assert still_lingering(known, Observed(), ()) == []
    assert still_lingering(known, Observed(), {Link.CREDENTIALS}) == known[1:2]


def test_one_event_for_each_entry() -> None:
    event = lingering_event([], [KNOWN])

    assert event is not None
    assert (event.kind, event.reason) == ("Warning", Reason.LINGERING)
    assert event.message == f"RoleAssignment {KNOWN.name} stays: A lock forbids it."
    assert lingering_event([KNOWN], [entry(KNOWN.kind, KNOWN.name, AGAIN)]) is None
    assert lingering_event([KNOWN], []) is None
