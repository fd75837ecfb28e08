"""GitLab's pods, judged: in each pass, and between passes whenever a pod is news. Neither costs a request to Azure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import WorkloadStatus
from gitlab_azure_identity.domain import workloads
from gitlab_azure_identity.domain.findings import Finding, Outlook, blocked, first_broken, not_asked
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.domain.status import with_workloads
from gitlab_azure_identity.domain.workloads import Carried
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.releases import Release, Releases
from gitlab_azure_identity.reconcile.report import Reporter

SETTLING = 1.0  # seconds; the pods of a rollout are news many times in a second


@dataclass(frozen=True)
class Judged:
    """The finding about GitLab's pods, and a line for each component."""

    finding: Finding
    lines: list[WorkloadStatus]


class Workloads:
    """Judges the pods of resources."""

    def __init__(self, context: Context, report: Reporter) -> None:
        self._clock, self._report = context.clock, report
        self._releases = Releases(context.kube.pods)

    def forget(self, memory: ObjectMemory) -> None:
        """Follow the pods of an object no longer."""
        self._releases.leave(memory.pods)

    def clear(self) -> None:
        """Follow no pods any more."""
        self._releases.clear()

    def follow(self, memory: ObjectMemory, goal: Goal) -> None:
        """Follow the pods of a resource. The first time in the life of this process that lists them."""
        self._releases.follow((goal.owner.namespace, goal.desired.gitlab.release), memory.pods)

    async def judge(
        self, memory: ObjectMemory, resource: Resource, goal: Goal, have: Observed, findings: Sequence[Finding]
    ) -> Judged:
        """Judge the pods of a resource in a pass, which follows them already."""
        want = memory.carried = workloads.carried(goal, have)
        if want is None:
            broken = first_broken(findings)
            return Judged(blocked(Link.WORKLOADS, broken.link if broken else Link.IDENTITY), [])
        memory.pods.clear()
        try:
            pods = await self._releases.pods(_release(want))
        except ClusterError as error:
            return _unknown(error, want, resource)
        return _judged(pods, want)

    async def judge_again(self, memory: ObjectMemory) -> None:
        """Judge the pods after one of them was news, and write the status if that changes it."""
        if await memory.woken(SETTLING):
            return
        memory.pods.clear()
        want, resource = memory.carried, memory.resource
        if want is None or resource is None:
            return
        try:
            judged = _judged(self._releases.known(_release(want)), want)
        except ClusterError as error:
            judged = _unknown(error, want, resource)
        status = with_workloads(resource, judged.finding, judged.lines, self._clock.now())
        memory.resource = await self._report.status(resource, status)


def _release(want: Carried) -> Release:
    return want.namespace, want.release


def _judged(pods: Sequence[Pod], want: Carried) -> Judged:
    lines = workloads.judged(pods, want)
    return Judged(workloads.finding(lines, want), workloads.statuses(lines, want))


def _unknown(error: ClusterError, want: Carried, resource: Resource) -> Judged:
    """What is known of the pods when the API server does not tell them: nothing, or what was known before."""
    failure = kube_errors.classify(error, f"list the pods of release {want.release}", want.namespace)
    before = workloads.last_known(resource.status) if failure.outlook is Outlook.TRANSIENT else None
    if before is not None:
        return Judged(before, resource.status.workloads)
    return Judged(not_asked(Link.WORKLOADS, failure.reason, failure.message), [])
