"""What a deletion may do next, and what it says while it waits. Each judgement is one pure function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitlab_azure_identity.api import ABANDON_ANNOTATION
from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import DeletionPolicy
from gitlab_azure_identity.domain.assessment import Event
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment, Stage
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.where import WhereToLook

STILL_SEEN = Failure(Reason.PROGRESSING, "What was removed is still seen; it is looked at again.", Outlook.WAITING)
_STAGES = {
    Link.ROLES: Stage.REVOKE_ROLES,
    Link.SERVICE_ACCOUNTS: Stage.REVOKE_CLUSTER,
    Link.SECRETS: Stage.REVOKE_CLUSTER,
    Link.CREDENTIALS: Stage.REVOKE_CREDENTIALS,
}


@dataclass(frozen=True)
class Remaining:
    """Why the resource cannot be let go of yet. `retry_after` is in seconds."""

    message: str
    retry_after: float | None


def let_go(resource: Resource) -> Event | None:
    """Why nothing is to be removed; None when it is."""
    if resource.legible.deletion_policy is DeletionPolicy.RETAIN:
        message = "deletionPolicy is Retain: everything stays, in Azure and in the cluster."
        if resource.unreadable:
            message += f" The spec does not fit this operator's schema: {resource.unreadable}."
        return Event("Normal", Reason.RETAINED, message)
    if resource.abandoned:
        message = f"Let go by annotation {ABANDON_ANNOTATION}: what is left in Azure and in the cluster stays there."
        return Event("Warning", Reason.ABANDONED, message)
    return None


def nothing_was_made(where: WhereToLook, failure: Failure) -> bool:
    """Whether a look that was refused may be done without: the record names no identity, and a person would have to act before
    anything could have been made. An operator that is not logged in was never answered, and knows nothing."""
    return (
        not where.pinned and failure.outlook is Outlook.STALLED and failure.reason is not Reason.AUTHENTICATION_FAILED
    )


def next_changes(
    goal: Goal, have: Observed, unseen: Mapping[Link, Failure], blocking: Mapping[Link, Failure]
) -> list[Change]:
    """The changes that may be carried out now. What could not be seen may still stand: nothing that comes after it on the
    way back is removed before it."""
    last = min((_STAGES[link] for link in blocking), default=Stage.REVOKE_IDENTITY)
    return [change for change in plan(goal, have) if change.link not in unseen and change.stage <= last]


def blocking(
    resource: Resource, have: Observed, failures: Mapping[Link, Failure], *, terminating: bool
) -> dict[Link, Failure]:
    """The failures that keep the resource. Those in the cluster do not where nothing was ever made there: by the record,
    nor by what stands in Azure, which is deleted last. Nor do they when the namespace is `terminating`: it takes our
    rights, and our objects."""
    local = [failure for link, failure in failures.items() if link.place is Place.CLUSTER]
    never = not resource.status.recorded and have.identity is None
    if terminating or (never and all(failure.outlook is Outlook.STALLED for failure in local)):
        return {link: failure for link, failure in failures.items() if link.place is not Place.CLUSTER}
    return dict(failures)


def scope_is_absent(change: Change, observation: Observation, failure: Failure) -> bool:
    """Whether a role assignment cannot exist, since its storage account does not. Azure answered 404 to the list; to the deletion
    it answers that the right is missing "or the scope is invalid"."""
    if not isinstance(change, DeleteAssignment) or failure.reason is not Reason.AUTHORIZATION_FAILED:
        return False
    return change.assignment.scope.whole_account.key in observation.absent


def with_way_out(resource: Resource, failure: Failure) -> Failure:
    """The failure, and how to let go of the resource where a person must act."""
    if failure.outlook is not Outlook.STALLED:
        return failure
    message = (
        f"{failure.message} Until then the deletion waits; to let go and leave everything where it is: "
        f"kubectl annotate gai -n {resource.key.namespace} {resource.key.name} {ABANDON_ANNOTATION}=true"
    )
    return replace(failure, message=message)


def by_link(failed: Sequence[tuple[Change, Failure]]) -> dict[Link, list[Failure]]:
    """The failures of changes, by the link that they belong to."""
    found: dict[Link, list[Failure]] = {}
    for change, failure in failed:
        found.setdefault(change.link, []).append(failure)
    return found
