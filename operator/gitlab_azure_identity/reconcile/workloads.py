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
from gitlab_azure_identity.domain.readiness import ready, was_ready
from gitlab_azure_identity.domain.rollouts import Step
from gitlab_azure_identity.domain.status import with_workloads
from gitlab_azure_identity.domain.workloads import Carried
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.releases import Release, Releases
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.restarts import Restarts

SETTLING = 1.0  # seconds; the pods of a rollout are news many times in a second
RETRY = 5.0  # seconds, after a status that could not be written


@dataclass(frozen=True)
class Judged:
    """The finding about GitLab's pods, and a line for each component."""

    finding: Finding
    lines: list[WorkloadStatus]
    step: Step | None = None  # what the operator does about it


class Workloads:
    """Judges the pods of resources."""

    def __init__(self, context: Context, report: Reporter) -> None:
        self._clock, self._report = context.clock, report
        self._releases, self._restarts = Releases(context.kube.pods), Restarts(context, report)

    def forget(self, memory: ObjectMemory) -> None:
        """Follow the pods of an object no longer."""
        self._releases.leave(memory.pods)
        memory.look_again(None)

    def clear(self) -> None:
        """Follow no pods any more."""
        self._releases.clear()

    def follow(self, memory: ObjectMemory, goal: Goal) -> None:
        """Follow the pods of a resource. The first time in the life of this process that lists them."""
        self._releases.follow((goal.owner.namespace, goal.desired.gitlab.release), memory.pods)

    async def judge(
        self, memory: ObjectMemory, resource: Resource, goal: Goal, have: Observed, findings: Sequence[Finding]
    ) -> Judged:
        """Judge the pods of a resource in a pass, which follows them already. `findings` are those of all other links."""
        want = memory.carried = workloads.carried(goal, have)
        memory.no_restart = None
        if want is None:
            broken = first_broken(findings)
            return Judged(blocked(Link.WORKLOADS, broken.link if broken else Link.IDENTITY), [])
        memory.pods.clear()
        try:
            pods = await self._releases.pods(_release(want))
        except ClusterError as error:
            return _unknown(error, want, resource)
        is_ready = ready(findings, goal.desired.verification).outlook is Outlook.GOOD
        return await self._judged(memory, pods, want, is_ready)

    async def act(self, memory: ObjectMemory, judged: Judged) -> None:
        """Do what the status, which is written, says that the operator does."""
        if memory.carried is not None and judged.step is not None:
            await self._restarts.make(memory, memory.carried, judged.step)

    async def judge_again(self, memory: ObjectMemory) -> None:
        """Judge the pods after one of them was news, and write the status if that changes it."""
        if await memory.woken(SETTLING):
            return
        memory.pods.clear()
        want, resource = memory.carried, memory.resource
        if want is None or resource is None:
            return
        try:
            pods = self._releases.known(_release(want))
            judged = await self._judged(memory, pods, want, was_ready(resource))
        except ClusterError as error:
            judged = _unknown(error, want, resource)
        status = with_workloads(resource, judged.finding, judged.lines, self._clock.now())
        written = await self._report.status(resource, status)
        if written is None:
            memory.look_again(RETRY)
            return
        memory.resource = written
        await self.act(memory, judged)

    async def _judged(self, memory: ObjectMemory, pods: Sequence[Pod], want: Carried, is_ready: bool) -> Judged:
        lines = workloads.judged(pods, want)
        step = await self._restarts.next(memory, lines, want, ready=is_ready)
        return Judged(workloads.finding(lines, want, step.words if step else ""), workloads.statuses(lines, want), step)


def _release(want: Carried) -> Release:
    return want.namespace, want.release


def _unknown(error: ClusterError, want: Carried, resource: Resource) -> Judged:
    """What is known of the pods when the API server does not tell them: nothing, or what was known before."""
    failure = kube_errors.classify(error, f"list the pods of release {want.release}", want.namespace)
    before = workloads.last_known(resource.status) if failure.outlook is Outlook.TRANSIENT else None
    if before is not None:
        return Judged(before, resource.status.workloads)
    return Judged(not_asked(Link.WORKLOADS, failure.reason, failure.message), [])
