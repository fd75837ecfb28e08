"""What a pass comes to: what its events say, whether its failures may be tolerated, and whether access alone is still awaited.

Each judgement is one pure function."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.changes import Change, PutAssignment, PutCredential, PutIdentity, Revocation
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, first_broken
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import another_cluster
from gitlab_azure_identity.domain.observed import Assignment, Identity, Observed
from gitlab_azure_identity.domain.readiness import ready, was_overdue, was_ready

TOLERATED_COUNT = 3  # transient failures in a row that end the tolerance of a Ready resource
TOLERATED_SECONDS = 900.0


@dataclass(frozen=True)
class Event:
    """A Kubernetes event about the resource."""

    kind: Literal["Normal", "Warning"]
    reason: Reason
    message: str


# what a look found


def other_identity(resource: Resource, goal: Goal, found: Identity | None) -> tuple[Resource, IdentityId | None] | None:
    """Where to aim instead, when the identity that was found is another than the goal's: the resource to go on with, and
    where its identity is. None when the goal is right.

    Where a status was lost and settings moved on, all that defaults to the identity's place follows the identity. Another
    resource's identity can only have been recorded by a person: that record counts as lost."""
    if found is None:
        return None
    if not goal.desired.identity.id.same_as(found.id):
        return resource, found.id
    if resource.status.identity and goal.is_anothers(found):
        return resource.without_identity(), None
    return None


# what was done


def is_drift(resource: Resource, goal: Goal) -> bool:
    """Whether a change is one that nobody asked for: this generation was Ready. An issuer that changed is nobody's doing
    behind our back."""
    return was_ready(resource) and not goal.former_issuers


def reverted(done: Sequence[Change], pending: Sequence[Change]) -> list[tuple[Change, Failure]]:
    """Changes that were carried out, and answered, and are planned again all the same."""
    return [(change, _reverted(change)) for change in pending if change in done]


def _reverted(change: Change) -> Failure:
    message = f"The {change} does not stay as it is written: something in the cluster or in Azure changes it at once."
    return Failure(Reason.CONFLICT, message, Outlook.STALLED)


def takes_time(done: Sequence[Change]) -> bool:
    """Whether something was written that Azure takes minutes to spread."""
    return any(isinstance(change, PutIdentity | PutCredential | PutAssignment) for change in done)


def lacks_something(have: Observed, pending: Sequence[Change]) -> bool:
    """Whether something that GitLab needs was seen to be missing, and could not be put right. Tags, and what is still to be
    removed, are nothing that it needs."""
    return have.identity is None or any(not isinstance(change, PutIdentity | Revocation) for change in pending)


def overdue(resource: Resource, finding: Finding, waited: float) -> Finding:
    """The finding, or what becomes of it when its reason has been waited for too long. `waited` is in seconds."""
    return finding.after(math.inf if was_overdue(resource, finding) else waited)


# access


def may_still_propagate(
    assignments: Sequence[Assignment],
    *,
    granted_at: datetime | None,
    since: datetime | None,
    now: datetime,
    limit: float,
) -> bool:
    """Whether Azure may still be spreading what it was told: by the assignments' own dates, by when this pass wrote, or by
    how long access has been awaited. `limit` is in seconds."""
    moments = [assignment.created_on for assignment in assignments]
    moments += [moment.timestamp() if moment else None for moment in (granted_at, since)]
    return any(moment is not None and now.timestamp() - moment < limit for moment in moments)


def outlook_of(findings: Sequence[Finding], verification: Verification) -> Outlook:
    """What comes next. Under Report access does not hold Ready back, but is tried again until it is there."""
    outlook = ready(findings, verification).outlook
    if outlook is not Outlook.GOOD:
        return outlook
    return next((one.outlook for one in findings if one.link is Link.ACCESS), Outlook.GOOD)


def only_access_is_awaited(findings: Sequence[Finding], outlook: Outlook) -> bool:
    """Whether access may be tried again without looking at everything anew."""
    others = [finding for finding in findings if finding.link is not Link.ACCESS]
    return outlook is Outlook.WAITING and first_broken(others) is None


# transient failures


@dataclass(frozen=True)
class Tolerance:
    """Transient failures in a row that a Ready resource has met, and since when, in seconds of the steady clock."""

    count: int = 0
    since: float | None = None

    def after_another(self, now: float) -> "Tolerance":
        return Tolerance(self.count + 1, now if self.since is None else self.since)

    def lasts(self, now: float) -> bool:
        """Whether the conditions may stay as they are."""
        return self.count < TOLERATED_COUNT and (self.since is None or now - self.since < TOLERATED_SECONDS)


def may_be_tolerated(resource: Resource, findings: Sequence[Finding], *, lacking: bool) -> bool:
    """Whether a Ready resource only meets transient failures, and nothing that GitLab needs is known to be missing."""
    counted = resource.legible.verification is Verification.REQUIRED
    outlooks = {one.outlook for one in findings if counted or one.link is not Link.ACCESS}
    only_transient = Outlook.TRANSIENT in outlooks and Outlook.STALLED not in outlooks
    return only_transient and not lacking and was_ready(resource)


def tolerated_event(findings: Sequence[Finding], tolerance: Tolerance) -> Event | None:
    """The first transient failure in a row that the conditions do not tell."""
    if tolerance.count != 1:
        return None
    first = next(one for one in findings if one.outlook is Outlook.TRANSIENT)
    return Event("Warning", first.reason, first.message)


# defects


def defect_failure(defect: Exception, now: datetime) -> tuple[Link, Failure]:
    """What a defect of the operator's own means for a person, and the link that it is told at."""
    said = " ".join(f"{type(defect).__name__}: {defect}".split())
    message = (
        f"The operator failed: {said[:300]}. This is a defect of the operator, not of this resource: its log says more, at "
        f"{now:%Y-%m-%dT%H:%M:%SZ}. It is tried again."
    )
    return Link.IDENTITY, Failure(Reason.INTERNAL_ERROR, message, Outlook.TRANSIENT)


# events


def ready_event(before: Status, now: Status) -> Event | None:
    """What is said when Ready changes, or its reason does. That something is under way is no event."""
    was, ready_now = before.condition(READY), now.condition(READY)
    if ready_now is None or ready_now.status == "Unknown":
        return None
    if was and (was.status, was.reason) == (ready_now.status, ready_now.reason):
        return None
    kind: Literal["Normal", "Warning"] = "Normal" if ready_now.status == "True" else "Warning"
    return Event(kind, Reason.named(ready_now.reason), ready_now.message)


def changes_event(done: Sequence[Change], *, drift: bool) -> Event | None:
    """What a pass changed."""
    if not done:
        return None
    made = [str(change) for change in done if not isinstance(change, Revocation)]
    removed = [str(change) for change in done if isinstance(change, Revocation)]
    parts = [f"{'Restored' if drift else 'Wrote'} {'; '.join(made)}."] if made else []
    parts += [f"Removed {'; '.join(removed)}."] if removed else []
    if drift:
        return Event("Warning", Reason.DRIFT_REPAIRED, " ".join(parts))
    return Event("Normal", Reason.APPLIED, " ".join(parts))


def client_id_event(resource: Resource, have: Observed) -> Event | None:
    """That the identity is another one than GitLab's pods know, as when somebody had deleted it."""
    known, now = resource.status.identity, have.identity
    if not (known and known.client_id and now and known.client_id != now.client_id):
        return None
    message = (
        f"The client ID is no longer {known.client_id} but {now.client_id}. Pods learn it when they are created: restart "
        f"GitLab's, with kubectl -n {resource.key.namespace} rollout restart deployment --selector release=gitlab"
    )
    return Event("Warning", Reason.CLIENT_ID_CHANGED, message)


def pin_event(desired: Desired) -> Event | None:
    """That the identity stays where it is, though settings now say otherwise."""
    if desired.pin_differs is None:
        return None
    message = (
        f"Managed identity {desired.identity.id} stays where it was made, although the operator's settings "
        f"would now put it at {desired.pin_differs}."
    )
    return Event("Warning", Reason.IDENTITY_PINNED, message)


def cluster_event(goal: Goal, have: Observed) -> Event | None:
    """That another cluster bears this one's name."""
    told = another_cluster(goal, have)
    return Event("Warning", Reason.CLUSTER_NOT_UNIQUE, *told) if told else None
