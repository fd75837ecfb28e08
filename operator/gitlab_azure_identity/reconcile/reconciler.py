"""One pass over one resource: observe, converge, verify, assess, report. Every judgement is a function of the domain."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gitlab_azure_identity.api import FINALIZER
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import LingeringStatus, Status
from gitlab_azure_identity.azure.access_errors import AccessAttempt
from gitlab_azure_identity.domain import assessment, events
from gitlab_azure_identity.domain.expected import expected
from gitlab_azure_identity.domain.findings import (
    CannotProceed,
    Failure,
    Finding,
    Outlook,
    blocked,
    failed,
    stopped,
    worst,
)
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import judge
from gitlab_azure_identity.domain.lingering import lingering, lingering_event
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.domain.plan import existed, lacks_roles, nothing_to_grant, plan_containers, plan_without
from gitlab_azure_identity.domain.status import (
    after_pass,
    before_writing,
    records_the_same,
    suspended,
    with_conditions,
    without_use,
)
from gitlab_azure_identity.domain.texts import presentable
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import DRIFT_REPAIRS
from gitlab_azure_identity.reconcile.aim import aim
from gitlab_azure_identity.reconcile.containers import create_containers
from gitlab_azure_identity.reconcile.context import AzureReads, Context, KubeReads
from gitlab_azure_identity.reconcile.converge import converge
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import Memory, ObjectMemory
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.verify import Proof, unproven, verify
from gitlab_azure_identity.reconcile.workloads import Judged, Workloads


@dataclass(frozen=True)
class AwaitingAccess:
    """A pass that has reached its verification: everything that is needed to verify again without a new observation."""

    resource: Resource
    goal: Goal
    have: Observed
    findings: tuple[Finding, ...]  # all but AccessVerified
    observation: Observation
    lacking: bool  # something that GitLab needs is known to be missing
    lingering: tuple[LingeringStatus, ...]  # what could not be removed, for the status
    refused: tuple[Finding, ...]  # the removals that failed in this pass
    granted_at: datetime | None  # when this pass wrote something that Azure takes time to propagate


@dataclass(frozen=True)
class Outcome:
    """The end of a pass. `awaiting` is set when only access is awaited."""

    findings: tuple[Finding, ...]
    outlook: Outlook
    awaiting: AwaitingAccess | None = None
    refused: tuple[Finding, ...] = ()  # the removals that failed

    @property
    def retry_after(self) -> float | None:
        """The seconds that Azure or the cluster asked us to wait."""
        all_findings = (*self.findings, *self.refused)
        return max((finding.retry_after for finding in all_findings if finding.retry_after), default=None)


class Reconciler:
    """Makes the passes over resources that are kept."""

    def __init__(
        self, context: Context, issuer: Issuer, reporter: Reporter, memory: Memory, workloads: Workloads
    ) -> None:
        self._context, self._issuer, self._report, self._memory = context, issuer, reporter, memory
        self._workloads = workloads
        self._clock, self._terms = context.clock, context.terms
        self._azure_reads: AzureReads = context.azure
        self._kube_reads: KubeReads = context.kube

    async def run(self, resource: Resource, memory: ObjectMemory) -> Outcome:
        """One pass."""
        try:
            await self._add_finalizer(resource)
            if resource.legible.suspend:
                self._workloads.forget(memory)
                written = await self._report.status(resource, suspended(resource, self._clock.now()))
                return Outcome((), Outlook.GOOD if written else Outlook.TRANSIENT)
            resource, goal, observation = await self._aim(resource)
            return await self._converge(resource, memory, goal, observation)
        except CannotProceed as stop:
            now = self._clock.now()
            found = failed(stop.link, stop.failure)
            judged = assessment.overdue(resource, found, memory.waited(found, now))
            findings = stopped(stop.link, judged.failure or stop.failure)
            status = with_conditions(resource, findings, now)
            written = await self._write(resource, memory, findings, status, lacking=False)
            return Outcome(findings, judged.outlook if written else Outlook.TRANSIENT)

    async def verify_again(self, awaiting: AwaitingAccess, memory: ObjectMemory) -> Outcome:
        """Try access once more. Everything else stays as the last pass left it."""
        if memory.resource is not None:  # its pods may have been judged since then
            awaiting = replace(awaiting, resource=memory.resource)
        return await self._conclude(awaiting, memory, await self._verify(awaiting, memory))

    async def _aim(self, resource: Resource) -> tuple[Resource, Goal, Observation]:
        """The goal of the resource, and the observation for it. Raises CannotProceed."""
        issuer = await self._issuer.current()
        spread_by = self._clock.now().timestamp() - self._context.propagation_limit
        found = await aim(self._azure_reads, self._kube_reads, resource, self._terms, issuer, spread_by=spread_by)
        return found.resource, found.goal, found.observation

    # converge

    async def _converge(
        self, resource: Resource, memory: ObjectMemory, goal: Goal, observation: Observation
    ) -> Outcome:
        self._workloads.follow(memory, goal)
        found = observation.have.identity
        memory.principal = found.principal_id if found else None
        absent = nothing_to_grant(goal, observation)
        if absent and found is None:
            raise CannotProceed(Link.ROLES, absent)
        if absent:
            observation = replace(observation, unseen={**observation.unseen, Link.ROLES: absent})
        await self._lasting_events(resource, memory, goal, observation.have)
        write = absent is None and bool(plan_without(observation.unseen.keys(), goal, observation.have))
        if write:
            resource = await self._record(resource, goal)
        context = self._context
        converged = await converge(context.azure, context.kube, goal, observation, write=write)
        self._memory.revoked(memory.uid, converged.done)
        now = self._clock.now()
        findings = tuple(
            assessment.overdue(resource, finding, memory.waited(finding, now))
            for finding in judge(goal, converged.have, converged.record)
        )
        appeared = assessment.appeared(resource, goal.desired.unmanaged, findings)
        added = appeared or assessment.takes_time(converged.done)
        refused = [change for change, _ in converged.record.applying]
        memory.expected = expected(goal, converged.have, observation.unseen, findings, converged.done, refused)
        awaiting = AwaitingAccess(
            resource,
            goal,
            converged.have,
            findings,
            observation,
            lacking=assessment.lacks_something(converged.have, converged.pending),
            granted_at=now if added else None,
            lingering=tuple(
                lingering(resource.status.lingering, converged.record, converged.pending, observation.unseen)
            ),
            refused=tuple(failed(change.link, failure) for change, failure in converged.record.lingering),
        )
        drift = assessment.is_drift(resource, goal, converged.done)
        for change in converged.done if drift else ():
            DRIFT_REPAIRS.labels(change.link).inc()
        proof, *_ = await asyncio.gather(
            self._verify(awaiting, memory),
            self._report.event(resource, events.changes_event(converged.done, drift=drift)),
            self._report.event(resource, events.client_id_event(resource, converged.have)),
            self._report.event(resource, events.key_event(goal, converged.done)),
            self._report.event(resource, lingering_event(resource.status.lingering, awaiting.lingering)),
        )
        if assessment.access_key_may_go(goal, converged.have, findings, proof.finding):
            observation = replace(observation, have=converged.have)
            return await self._converge(resource, memory, replace(goal, proven=True), observation)
        return await self._conclude(awaiting, memory, proof)

    async def _add_finalizer(self, resource: Resource) -> None:
        """Add our finalizer before anything is created, so a deletion of the resource waits for us. Raises CannotProceed."""
        if resource.has_finalizer:
            return
        try:
            await self._context.kube.resources.add_finalizer(resource.key, resource.uid)
        except ClusterError as error:
            doing = f"add its finalizer {FINALIZER} to this resource, without which nothing is created"
            failure = kube_errors.classify(error, doing, resource.key.namespace)
            raise CannotProceed(Link.IDENTITY, failure) from error

    async def _record(self, resource: Resource, goal: Goal) -> Resource:
        """Record what is about to be created, before the first write, unless it is on record already.

        Raises CannotProceed when that fails: what cannot be recorded is not created."""
        status = presentable(before_writing(resource, goal, self._clock.now()))
        if records_the_same(status, resource.status):
            return resource
        written = await self._report.status(resource, status)
        if written is None:
            message = (
                "The status could not be written, and nothing is created that it does not record. It is tried again."
            )
            raise CannotProceed(Link.IDENTITY, Failure(Reason.CLUSTER_UNAVAILABLE, message, Outlook.TRANSIENT))
        return written

    async def _lasting_events(self, resource: Resource, memory: ObjectMemory, goal: Goal, have: Observed) -> None:
        """Post events about lasting causes, each once in the life of this process."""
        causes = {
            Reason.IDENTITY_PINNED: events.pin_event(goal.desired),
            Reason.CLUSTER_NOT_UNIQUE: events.cluster_event(goal, have),
            Reason.KNOWN_DEFECT: events.defect_event(goal.desired),
        }
        for reason, event in causes.items():
            if memory.is_new(reason, event):
                await self._report.event(resource, event)

    # verify

    async def _verify(self, awaiting: AwaitingAccess, memory: ObjectMemory) -> Proof:
        desired, identity = awaiting.goal.desired, awaiting.have.identity
        broken = assessment.in_the_way_of_access(awaiting.findings, desired.unmanaged)
        if identity is None or broken is not None:
            waits_for = broken.link if broken else Link.IDENTITY
            return unproven(blocked(Link.ACCESS, waits_for), desired)
        now = self._clock.now()
        fresh = assessment.may_still_propagate(
            awaiting.have.assignments,
            granted_at=awaiting.granted_at,
            since=memory.waiting_since(awaiting.resource, Link.ACCESS, Reason.PROPAGATING, now),
            now=now,
            limit=self._context.propagation_limit,
        )
        known = existed(awaiting.resource.status, desired.storage.blob_host)
        unassigned = lacks_roles(awaiting.goal, awaiting.have)
        attempt = AccessAttempt(desired, fresh, awaiting.observation.account, known, unassigned)
        proof = await verify(self._azure_reads, self._kube_reads, attempt, identity)
        missing = plan_containers(awaiting.goal, proof.absent, awaiting.resource.status)
        if not missing or proof.token is None:
            return proof
        failures = await create_containers(self._context.azure, attempt, proof.token, missing)
        if failures:
            return replace(proof, finding=failed(Link.ACCESS, worst(failures)))
        await self._report.event(awaiting.resource, events.containers_event(missing))
        return await verify(self._azure_reads, self._kube_reads, attempt, identity)

    # assess and report

    async def _conclude(self, awaiting: AwaitingAccess, memory: ObjectMemory, proof: Proof) -> Outcome:
        now = self._clock.now()
        if proof.finding.outlook is not Outlook.BLOCKED:  # without an attempt the wait for access goes on
            waited = memory.waited(proof.finding, now)
            proof = replace(proof, finding=assessment.overdue(awaiting.resource, proof.finding, waited))
        self._report.transient(awaiting.resource, awaiting.refused)
        unmanaged, limit = awaiting.goal.desired.unmanaged, self._context.propagation_limit
        known = assessment.with_proof(awaiting.resource, unmanaged, awaiting.findings, proof.finding, now, limit)
        others = (*known, proof.finding)
        judged = await self._workloads.judge(memory, awaiting.resource, awaiting.goal, awaiting.have, others)
        findings = (*others, judged.finding)
        status = self._status(awaiting, findings, proof, judged, now)
        written = await self._write(awaiting.resource, memory, findings, status, lacking=awaiting.lacking)
        if written is not None:
            await self._workloads.act(memory, judged)
        outlook = assessment.outlook_of(findings, awaiting.goal.desired.verification)
        if assessment.only_access_is_awaited(findings, outlook):
            return Outcome(findings, outlook, replace(awaiting, resource=written or awaiting.resource, refused=()))
        if outlook is Outlook.GOOD:  # what could not be removed is tried again, as what could not be written
            outlook = assessment.outlook_of_removals(awaiting.refused)
        return Outcome(findings, outlook if written else Outlook.TRANSIENT, refused=awaiting.refused)

    def _status(
        self, awaiting: AwaitingAccess, findings: Sequence[Finding], proof: Proof, judged: Judged, now: datetime
    ) -> Status:
        resource, goal, have, observation = awaiting.resource, awaiting.goal, awaiting.have, awaiting.observation
        if not goal.may_use(have):
            return without_use(resource, goal, have, findings, now)
        lingering, lines = awaiting.lingering, judged.lines
        return after_pass(resource, goal, have, findings, proof.containers, observation, now, lingering, lines)

    async def _write(
        self, resource: Resource, memory: ObjectMemory, findings: Sequence[Finding], status: Status, *, lacking: bool
    ) -> Resource | None:
        """Write the status. A Ready resource keeps its former status while it meets only transient failures and nothing that
        GitLab needs is known to be missing. None when it could not be written."""
        self._report.transient(resource, findings)
        tolerance = None
        if assessment.may_be_tolerated(resource, findings, lacking=lacking):
            tolerance = memory.tolerate(self._clock.steady())
        if tolerance is not None:
            await self._report.event(resource, events.tolerated_event(findings, tolerance))
            handled = {"last_handled_reconcile_at": resource.requested_at}
            status = resource.status.model_copy(update=handled)
        memory.resource = await self._report.status(resource, status)
        return memory.resource
