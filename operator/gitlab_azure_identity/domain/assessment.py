"""The assessment of a pass: whether its failures may be tolerated, whether access may be tried, and what comes next.

Each judgement is one pure function."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Condition
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    Change,
    DeleteAssignment,
    PutAssignment,
    PutCredential,
    PutIdentity,
    Revocation,
)
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed, first_broken, good, worst
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Assignment, Identity, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.readiness import counts, ready, was_overdue, was_ready

KEY_STAYS = {Reason.AWAITING_WORKLOADS, Reason.PENDING, Reason.DISABLED}
TOLERATED_COUNT = 3  # transient failures in a row that end the tolerance of a Ready resource
TOLERATED_SECONDS = 900.0


# what was observed


def other_identity(resource: Resource, goal: Goal, found: Identity | None) -> tuple[Resource, IdentityId | None] | None:
    """The resource to go on with, and the place of its identity, when the identity that was found is not the goal's. None when
    the goal is right.

    After a status was lost and the settings changed, every default that follows the identity's place follows the identity that
    was found. The operator never records the identity of another resource: such a record counts as lost."""
    if found is None:
        return None
    if not goal.desired.identity.id.same_as(found.id):
        return resource, found.id
    if resource.status.identity and goal.is_anothers(found):
        return resource.without_identity(), None
    return None


# what was done


def is_drift(resource: Resource, goal: Goal, done: Sequence[Change]) -> bool:
    """Whether the changes of a pass repair drift: this generation was Ready before, so nobody asked for a change. A change of
    the cluster's issuer is no drift, nor is the removal of a role that was left until now."""
    only_roles = all(isinstance(change, DeleteAssignment) for change in done)
    return was_ready(resource) and not goal.former_issuers and not only_roles


def reverted(done: Sequence[Change], pending: Sequence[Change]) -> list[tuple[Change, Failure]]:
    """The changes that were carried out without an error and are planned again."""
    return [(change, _reverted(change)) for change in pending if change in done]


def _reverted(change: Change) -> Failure:
    message = f"The {change} does not stay as it is written: something in the cluster or in Azure changes it at once."
    return Failure(Reason.CONFLICT, message, Outlook.STALLED)


def takes_time(done: Sequence[Change]) -> bool:
    """Whether a change was made that Azure takes minutes to propagate."""
    return any(isinstance(change, PutIdentity | PutCredential | PutAssignment) for change in done)


def lacks_something(have: Observed, pending: Sequence[Change]) -> bool:
    """Whether something that GitLab needs was seen to be missing and could not be restored. GitLab needs neither tags nor
    removals."""
    return have.identity is None or any(not isinstance(change, PutIdentity | Revocation) for change in pending)


def overdue(resource: Resource, finding: Finding, waited: float) -> Finding:
    """The finding, or the one that replaces it when its link has waited too long. `waited` is in seconds."""
    return finding.after(math.inf if was_overdue(resource, finding) else waited)


# access


def in_the_way_of_access(findings: Sequence[Finding], unmanaged: Collection[Link]) -> Finding | None:
    """The first link that must hold before access is tried, and does not. An unmanaged link that only lacks what the operator
    looks for is not in the way, nor is a secret that keeps its access key: both wait for what access tells."""
    return first_broken([one for one in findings if not (is_only_unseen(one, unmanaged) or _keeps_key(one))])


def access_key_may_go(goal: Goal, have: Observed, findings: Sequence[Finding], proof: Finding) -> bool:
    """Whether an access key was only kept until access is proven, and it is."""
    if goal.proven or proof.status != "True" or in_the_way_of_access(findings, goal.desired.unmanaged):
        return False
    return any(isinstance(one, ApplyObject) and one.dropped for one in plan(replace(goal, proven=True), have))


def _keeps_key(finding: Finding) -> bool:
    """Whether the finding says that a secret keeps its access key. One that waits for another broken link may say so too: then
    that link is in the way."""
    return finding.link is Link.SECRETS and finding.reason in KEY_STAYS


def may_still_propagate(
    assignments: Sequence[Assignment],
    *,
    granted_at: datetime | None,
    since: datetime | None,
    now: datetime,
    limit: float,
) -> bool:
    """Whether Azure may still be propagating a grant. That is so within `limit` seconds of an assignment's date, of the writes
    of this pass, or of the time since when access has been awaited."""
    moments = [assignment.created_on for assignment in assignments]
    moments += [moment.timestamp() if moment else None for moment in (granted_at, since)]
    return any(moment is not None and now.timestamp() - moment < limit for moment in moments)


# what somebody else manages


def appeared(resource: Resource, unmanaged: Collection[Link], findings: Sequence[Finding]) -> bool:
    """Whether an unmanaged link holds that did not hold at the last pass. Then somebody has just added something, and Azure may
    not know it everywhere yet."""

    def held(link: Link) -> bool:
        before = resource.status.condition(link)
        return before is not None and before.status == "True"

    return any(one.outlook is Outlook.GOOD and not held(one.link) for one in findings if one.link in unmanaged)


def is_only_unseen(finding: Finding, unmanaged: Collection[Link]) -> bool:
    """Whether an unmanaged link only lacks what the operator looks for. Access may still work: by a role above the storage
    account, of a group or of another name, or by a credential of another kind."""
    lacks = finding.link in unmanaged and finding.reason is Reason.NOT_FOUND
    return lacks and finding.link is not Link.IDENTITY


def with_proof(
    resource: Resource,
    unmanaged: Collection[Link],
    findings: Sequence[Finding],
    proof: Finding,
    now: datetime,
    limit: float,
) -> tuple[Finding, ...]:
    """The findings after access was tried: an unmanaged link without what the operator looks for holds where access works.

    What somebody removed still works until Azure has spread the removal, which takes up to `limit` seconds. So a link that held
    by sight is not proven at once: not at the pass that misses what it saw before, and within the limit only when access had
    ceased meanwhile. What was proven once stays so while access cannot be tried."""
    access = resource.status.condition(Link.ACCESS)
    worked = access is not None and access.status == "True"

    def judged(finding: Finding) -> Finding:
        if not is_only_unseen(finding, unmanaged):
            return finding
        before = resource.status.condition(finding.link)
        held = before is not None and before.status == "True"
        proven = before is not None and held and before.reason == Reason.PROVEN
        recent = before is not None and _seconds_since(before, now) < limit
        may_linger = (held and not proven) or (not held and worked and recent)
        if (proof.status == "True" and not may_linger) or (proven and proof.outlook is Outlook.BLOCKED):
            message = "Access works by something in Azure that the operator does not look for."
            return good(finding.link, Reason.PROVEN, message)
        if proven and proof.failure is not None and proof.outlook is Outlook.TRANSIENT:
            return failed(finding.link, proof.failure)
        return finding

    return tuple(map(judged, findings))


def _seconds_since(condition: Condition, now: datetime) -> float:
    """Seconds since the condition's status last changed."""
    return (now - datetime.fromisoformat(condition.last_transition_time)).total_seconds()


def outlook_of(findings: Sequence[Finding], verification: Verification) -> Outlook:
    """What comes next. Under Report Ready does not need access, but access is tried again until it is granted."""
    outlook = ready(findings, verification).outlook
    if outlook is not Outlook.GOOD:
        return outlook
    return next((one.outlook for one in findings if one.link is Link.ACCESS), Outlook.GOOD)


def outlook_of_removals(refused: Sequence[Finding]) -> Outlook:
    """What comes next when everything holds, after these removals failed."""
    return worst([one.failure for one in refused if one.failure]).outlook if refused else Outlook.GOOD


def only_access_is_awaited(findings: Sequence[Finding], outlook: Outlook) -> bool:
    """Whether access may be tried again without observing everything again."""
    others = [finding for finding in findings if finding.link.counts and finding.link is not Link.ACCESS]
    return outlook is Outlook.WAITING and first_broken(others) is None


# transient failures


@dataclass(frozen=True)
class Tolerance:
    """The number of transient failures in a row that a Ready resource has met, and the time of the first, in seconds of the
    steady clock."""

    count: int = 0
    since: float | None = None

    def after_another(self, now: float) -> "Tolerance":
        return Tolerance(self.count + 1, now if self.since is None else self.since)

    def lasts(self, now: float) -> bool:
        """Whether the conditions may still stay as they are."""
        return self.count < TOLERATED_COUNT and (self.since is None or now - self.since < TOLERATED_SECONDS)


def may_be_tolerated(resource: Resource, findings: Sequence[Finding], *, lacking: bool) -> bool:
    """Whether a Ready resource only meets transient failures, and nothing that GitLab needs is known to be missing."""
    outlooks = {one.outlook for one in findings if counts(one.link, resource.legible.verification)}
    only_transient = Outlook.TRANSIENT in outlooks and Outlook.STALLED not in outlooks
    return only_transient and not lacking and was_ready(resource)


# defects


def defect_failure(defect: Exception, now: datetime) -> tuple[Link, Failure]:
    """The failure that reports a defect of the operator, and the link that reports it."""
    error = " ".join(f"{type(defect).__name__}: {defect}".split())
    message = (
        f"The operator failed: {error[:300]}. This is a defect of the operator, not of this resource. The operator's log has the "
        f"details, at {now:%Y-%m-%dT%H:%M:%SZ}. It is tried again."
    )
    return Link.IDENTITY, Failure(Reason.INTERNAL_ERROR, message, Outlook.TRANSIENT)
