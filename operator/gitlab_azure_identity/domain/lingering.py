"""What is no longer wanted and could not be removed. Failing to take away is not failing to give: Ready does not depend on it."""

from collections.abc import Collection, Sequence

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import LingeringStatus
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    Revocation,
    link_of,
)
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.judge import PassRecord
from gitlab_azure_identity.domain.observed import Observed

_LINKS = {"RoleAssignment": Link.ROLES, "FederatedCredential": Link.CREDENTIALS, "ManagedIdentity": Link.IDENTITY}


def lingering(
    before: Sequence[LingeringStatus], record: PassRecord, pending: Sequence[Change], unseen: Collection[Link]
) -> list[LingeringStatus]:
    """The entries of the status after a pass. An entry of a former pass stays until its removal is no longer planned. It also
    stays while its link cannot be seen."""
    planned = {_key(change) for change in pending if isinstance(change, Revocation)}
    entries = {
        (entry.kind, entry.name): entry
        for entry in before
        if (entry.kind, entry.name) in planned or _link(entry.kind) in unseen
    }
    for change, failure in record.lingering:
        kind, name = _key(change)
        entries[kind, name] = LingeringStatus(kind=kind, name=name, message=failure.message)
    return list(entries.values())


def still_lingering(
    before: Sequence[LingeringStatus], have: Observed, unseen: Collection[Link]
) -> list[LingeringStatus]:
    """The entries of the status while a deletion waits: those that still stand, and those that could not be seen."""
    standing = {("RoleAssignment", assignment.name) for assignment in have.assignments}
    standing |= {("FederatedCredential", credential.name) for credential in have.credentials}
    standing |= have.objects.keys()
    return [entry for entry in before if (entry.kind, entry.name) in standing or _link(entry.kind) in unseen]


def lingering_event(before: Sequence[LingeringStatus], now: Sequence[LingeringStatus]) -> Event | None:
    """An event about what could not be removed and is not in the status yet."""
    known = {(entry.kind, entry.name) for entry in before}
    new = [entry for entry in now if (entry.kind, entry.name) not in known]
    if not new:
        return None
    return Event(
        "Warning", Reason.LINGERING, " ".join(f"{entry.kind} {entry.name} stays: {entry.message}" for entry in new)
    )


def _key(change: Revocation) -> tuple[str, str]:
    """Kind and name of what a change removes."""
    match change:
        case DeleteAssignment():
            return "RoleAssignment", change.assignment.name
        case DeleteCredential():
            return "FederatedCredential", change.credential.name
        case DeleteIdentity():
            return "ManagedIdentity", change.identity.name
    return change.found.key


def _link(kind: str) -> Link:
    return _LINKS.get(kind) or link_of(kind)
