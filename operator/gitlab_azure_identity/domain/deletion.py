"""What a deletion may remove next, and what it reports while it waits. Each judgement is one pure function."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gitlab_azure_identity.api import ABANDON_ANNOTATION
from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import DeletionPolicy
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment, Stage
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Assignment, Observation, Observed
from gitlab_azure_identity.domain.plan import plan_without
from gitlab_azure_identity.domain.where import WhereToLook

# Seconds for which the host of a storage account must be unknown before the account counts as deleted. Longer than an outage of a
# resolver; no source gives a figure.
HOST_UNKNOWN = 3600.0
STILL_SEEN = Failure(
    Reason.NOT_KNOWN_YET,
    "Something that was deleted is still seen; it is read again.",
    Outlook.WAITING,
    limit=1800.0,
    overdue="For 30 minutes something that was deleted has still been seen. Find out who creates it again.",
)
_STAGES = {
    Link.ROLES: Stage.REVOKE_ROLES,
    Link.SERVICE_ACCOUNTS: Stage.REVOKE_CLUSTER,
    Link.SECRETS: Stage.REVOKE_CLUSTER,
    Link.CREDENTIALS: Stage.REVOKE_CREDENTIALS,
}


@dataclass(frozen=True)
class Left:
    """What a deletion has left so far: what its last look saw, or what is on record, without what was removed since. `unseen` are
    the links that could not be seen. `deleted` has the keys of what Azure confirmed (`record.deleted_keys`)."""

    goal: Goal
    have: Observed
    unseen: Collection[Link]
    deleted: Collection[str]


@dataclass(frozen=True)
class Remaining:
    """Why the resource cannot be let go yet. `retry_after` is in seconds."""

    message: str
    retry_after: float | None


def let_go(resource: Resource) -> Event | None:
    """The event that says why nothing is to be removed, or None when something is."""
    if resource.legible.deletion_policy is DeletionPolicy.RETAIN:
        message = "deletionPolicy is Retain: everything stays, in Azure and in the cluster."
        if resource.unreadable:
            message += f" The spec does not fit this operator's schema: {resource.unreadable}."
        return Event("Normal", Reason.RETAINED, message)
    if resource.abandoned:
        message = f"Annotation {ABANDON_ANNOTATION} is true: everything that is left in Azure and in the cluster stays."
        return Event("Normal", Reason.ABANDONED, message)
    return None


def nothing_was_created(where: WhereToLook, failure: Failure) -> bool:
    """Whether nothing can have been created, so that a failed observation does not matter. Then the record names no identity,
    and the failure is one that would have kept a pass from creating anything, too. A login that fails now proves nothing."""
    return (
        not where.pinned and failure.outlook is Outlook.STALLED and failure.reason is not Reason.AUTHENTICATION_FAILED
    )


def next_changes(
    goal: Goal, have: Observed, unseen: Mapping[Link, Failure], blocking: Mapping[Link, Failure]
) -> list[Change]:
    """The changes that may be carried out now. An object that could not be seen may still exist: nothing of a later stage is
    removed before it."""
    last = min((_STAGES[link] for link in blocking), default=Stage.REVOKE_IDENTITY)
    return [change for change in plan_without(unseen.keys(), goal, have) if change.stage <= last]


def blocking(
    resource: Resource, have: Observed, failures: Mapping[Link, Failure], *, terminating: bool
) -> dict[Link, Failure]:
    """The failures that block the deletion of the resource.

    Failures in the cluster do not block it when nothing was ever created there: the record says so, and no identity exists in
    Azure, which is deleted last. They do not block it either when the namespace is `terminating`: our rights and our objects
    are deleted with it."""
    local = [failure for link, failure in failures.items() if link.place is Place.CLUSTER]
    never = not resource.status.recorded and have.identity is None
    if terminating or (never and all(failure.outlook is Outlook.STALLED for failure in local)):
        return {link: failure for link, failure in failures.items() if link.place is not Place.CLUSTER}
    return dict(failures)


def scope_is_absent(change: Change, observation: Observation, failure: Failure) -> bool:
    """Whether a role assignment cannot exist because its storage account does not. Azure answered 404 to the list. It answers to
    the deletion that the right is missing "or the scope is invalid"."""
    if not isinstance(change, DeleteAssignment) or failure.reason is not Reason.AUTHORIZATION_FAILED:
        return False
    return change.assignment.scope.whole_account.key in observation.absent


def taken_for_deleted(assignments: Iterable[Assignment], gone: Collection[str]) -> Iterator[str]:
    """A sentence for each role assignment that counts as deleted with a storage account that nobody could ask about."""
    for assignment in assignments:
        if assignment.scope.whole_account.key in gone:
            yield (
                f"Role assignment {assignment.name} on {assignment.scope.words} counts as deleted with the account: for an hour "
                "the operator had no right there, and no host of that account was known."
            )


def with_way_out(resource: Resource, failure: Failure) -> Failure:
    """The failure. When a person must act, its message also says how to let the resource go."""
    if failure.outlook is not Outlook.STALLED:
        return failure
    abandon = commands.ABANDON.filled(namespace=resource.key.namespace, name=resource.key.name)
    way_out = f"To let the resource go and leave everything where it is: {abandon}"
    return replace(failure, message=f"{failure.message} Until then the deletion waits. {way_out}")


def by_link(failed: Sequence[tuple[Change, Failure]]) -> dict[Link, list[Failure]]:
    """The failures of changes, by link."""
    found: dict[Link, list[Failure]] = {}
    for change, failure in failed:
        found.setdefault(change.link, []).append(failure)
    return found
