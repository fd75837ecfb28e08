"""What a pass leaves in the cluster, and whether what a later check sees there is something for a pass to do."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import IdentityStatus, Origin
from gitlab_azure_identity.domain.changes import Change, link_of
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.plan import plan

Version = tuple[str, str]
"""The uid and the resourceVersion of an object."""
UNREADABLE: Version = ("", "unreadable")
FIGHT = 10  # checks in a row with something to do: then somebody else writes the same objects again and again
# Why a pass stops before its first request to Azure, and what somebody who acts in the cluster may end.
IN_CLUSTER = {Reason.FORBIDDEN, Reason.ADMISSION_REFUSED, Reason.QUOTA_EXCEEDED, Reason.ISSUER_UNKNOWN}


@dataclass(frozen=True)
class Expected:
    """What the last pass left in the cluster. An object that does not exist has no version."""

    versions: Mapping[tuple[str, str], Version | None]
    troubled: bool = False  # a link in the cluster does not hold: any change of its objects may help
    pending: bool = False  # the API server refused a change, for example without a right
    reverted: tuple[Change, ...] = ()  # these were made, and are planned again: to make them once more does not help
    awaits_pods: bool = False  # a secret keeps its access key until all pods that mount it carry the identity
    no_token: bool = False  # the API server gave no token of a service account


def expected(
    goal: Goal,
    have: Observed,
    unseen: Collection[Link],
    findings: Sequence[Finding],
    done: Sequence[Change],
    failed: Sequence[Change],
) -> Expected:
    """What a pass leaves in the cluster: the objects that are wanted, and those that are still to be removed. `failed` has the
    changes that the API server refused, and those that it took and somebody reverted, which are in `done` too."""
    wanted = [("ServiceAccount", account.name) for account in goal.service_accounts]
    wanted += [(one.kind, one.name) for one in goal.objects]
    versions: dict[tuple[str, str], Version | None] = {
        key: UNREADABLE if link_of(key[0]) in unseen else None for key in wanted
    }
    versions |= {key: (found.uid, found.resource_version) for key, found in have.objects.items()}
    not_made = [change for change in failed if change.link.place is Place.CLUSTER]
    reverted = tuple(change for change in not_made if change in done)
    return Expected(
        versions,
        troubled=_in_trouble(findings),
        pending=len(not_made) > len(reverted),
        reverted=reverted,
        awaits_pods=_awaits_pods(findings),
    )


def with_tokens(before: Expected | None, findings: Sequence[Finding]) -> Expected | None:
    """The same after access was tried: whether the right to create tokens is missing."""
    refused = any(finding.link is Link.ACCESS and finding.reason is Reason.FORBIDDEN for finding in findings)
    return replace(before, no_token=refused) if before else None


def waits_for_cluster(findings: Sequence[Finding]) -> bool:
    """Whether a pass was stopped by something that a change in the cluster may end."""
    return any(finding.reason in IN_CLUSTER for finding in findings)


def due_in(interval: float, changes: int) -> float:
    """Seconds until the next check, after so many in a row that found something to do. Whoever writes the same objects again and
    again is answered ever later."""
    return interval * 2.0 ** min(max(changes - FIGHT, 0), 7)


def as_recorded(goal: Goal, known: IdentityStatus | None, objects: Mapping[tuple[str, str], ClusterObject]) -> Observed:
    """What a pass would observe if Azure has everything that is wanted for the identity of the status, and the cluster has these
    objects. A check asks Azure nothing, so it tells nothing of Azure."""
    if known is None or known.client_id is None:
        return Observed(objects=objects)
    identity = Identity(
        resource_id=known.resource_id or "",
        name=known.name or "",
        location="",
        tags=goal.owner.tags if known.origin is Origin.CREATED else {},
        client_id=known.client_id,
        principal_id=known.principal_id or "",
        tenant_id=known.tenant_id or "",
    )
    assignments = (
        Assignment("", grant.role.guid, grant.scope, identity.principal_id, goal.owner.description)
        for grant in goal.grants
    )
    return Observed(identity, goal.credentials, tuple(assignments), objects)


def out_of_order(goal: Goal, have: Observed) -> bool:
    """Whether a pass would change something in the cluster, or say that a link there does not hold."""
    proven = replace(goal, proven=True)  # a pass would prove access, and drop a key
    return _in_trouble(judge(proven, have, PassRecord()))


def awaits_pods(goal: Goal, have: Observed) -> bool:
    """Whether a secret keeps its access key since pods that mount it do not carry the identity."""
    return _awaits_pods(judge(goal, have, PassRecord()))


def _awaits_pods(findings: Sequence[Finding]) -> bool:
    return any(finding.reason is Reason.AWAITING_WORKLOADS for finding in findings)


def _in_trouble(findings: Sequence[Finding]) -> bool:
    """Whether a link in the cluster does not hold, for a cause of its own."""
    in_cluster = (finding for finding in findings if finding.link.place is Place.CLUSTER)
    return any(finding.outlook not in (Outlook.GOOD, Outlook.BLOCKED) for finding in in_cluster)


def cluster_changes(goal: Goal, have: Observed) -> list[Change]:
    """The changes in the cluster that a pass would make."""
    return [change for change in plan(goal, have) if change.link.place is Place.CLUSTER]
