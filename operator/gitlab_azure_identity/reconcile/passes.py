"""One pass over one resource: observe, plan, apply, verify, summarize."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gitlab_azure_identity.api import FINALIZER
from gitlab_azure_identity.api.conditions import ACCESS_VERIFIED, IDENTITY_READY, ROLES_ASSIGNED
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.changes import Change, PutAssignment, PutCredential, PutIdentity, Removal
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import Failures, another_cluster, first_broken, judge, link, stop
from gitlab_azure_identity.domain.naming import same_arm_id
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import missing_grants, plan
from gitlab_azure_identity.domain.record import credible
from gitlab_azure_identity.domain.texts import presentable
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.goals import Goals, World
from gitlab_azure_identity.reconcile.observe import Look, LookFailed, no_account, observe
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.summarize import begun, judged, summarize, suspended
from gitlab_azure_identity.reconcile.verdict import ready, was_ready, was_told
from gitlab_azure_identity.reconcile.verify import Proof, unproven, verify
from gitlab_azure_identity.reconcile.watched import Memory, Watched

ROUNDS = 5  # plans a pass: the identity, what hangs on it, what is pruned, and room for one surprise


@dataclass(frozen=True)
class Standing:
    """A pass that came as far as verifying: enough to verify again without looking at everything anew."""

    resource: Resource
    goal: Goal
    have: Observed
    findings: tuple[Finding, ...]  # all but AccessVerified
    unseen: frozenset[str]  # links, and storage accounts of before, that could not be looked at
    broken: bool  # something was seen to be missing that GitLab needs, and could not be put right
    granted_at: datetime | None  # when this pass wrote what Azure takes time to spread


@dataclass(frozen=True)
class Outcome:
    """How a pass ended. `standing` is set when nothing but access is left to wait for."""

    findings: tuple[Finding, ...]
    outlook: Outlook
    standing: Standing | None = None

    @property
    def retry_after(self) -> float | None:
        """What Azure or the cluster asked us to wait, in seconds."""
        return max((finding.retry_after for finding in self.findings if finding.retry_after), default=None)


class Passes:
    """Runs passes."""

    def __init__(self, world: World, goals: Goals, reporter: Reporter, memory: Memory) -> None:
        self._world, self._goals, self._report, self._memory = world, goals, reporter, memory

    async def run(self, resource: Resource, watched: Watched) -> Outcome:
        """Bring one resource to what it says."""
        try:
            await self._hold(resource)
            if resource.spec.suspend:
                await self._report.status(resource, suspended(resource, self._world.now()))
                return Outcome((), Outlook.GOOD)
            resource = credible(resource, self._goals.owner(resource))
            return await self._pursue(resource, await self._goals.upkeep(resource), watched)
        except LookFailed as failed:
            findings = stop(failed.condition, failed.failure)
            await self._tell(resource, findings, judged(resource, findings, self._world.now()), watched)
            return Outcome(findings, ready(findings, Verification.REQUIRED).outlook)

    async def verify_again(self, standing: Standing, watched: Watched) -> Outcome:
        """Try access once more, with the world as the last pass left it."""
        return await self._conclude(standing, await self._proof(standing, watched), watched)

    async def _pursue(self, resource: Resource, goal: Goal, watched: Watched) -> Outcome:
        world = self._world
        look = await observe(world.azure, world.kube, self._goals.whereabouts(resource, goal))
        found = look.have.identity
        watched.principal = found.principal_id if found else None
        if found and not same_arm_id(found.resource_id, goal.desired.identity.resource_id):
            # A status was lost, and settings moved on: all that defaults to where the identity is follows it.
            return await self._pursue(resource, await self._goals.upkeep(resource, pin=found.resource_id), watched)
        if resource.status.identity and goal.is_anothers(found):
            # Nobody but a person can have recorded another resource's identity: that record counts as lost.
            forgotten = resource.without_identity()
            return await self._pursue(forgotten, await self._goals.upkeep(forgotten), watched)
        if no_account := await self._no_account(goal, look):
            if found is None:
                raise no_account
            look = replace(look, unseen={**look.unseen, ROLES_ASSIGNED: no_account.failure})
        await self._pin_warning(resource, goal.desired, watched)
        await self._cluster_warning(resource, goal, look.have, watched)
        # An issuer that changed is nobody's doing behind our back.
        drift = was_ready(resource) and not goal.former_issuers
        have = look.have
        done, failed = list[Change](), list[tuple[Change, Failure]]()
        for _ in range(0 if no_account else ROUNDS):
            out_of_reach = look.unseen.keys() | {link(change) for change, _ in failed}
            changes = [change for change in plan(goal, have) if link(change) not in out_of_reach and change not in done]
            if not changes or (failed and have.identity is None):
                break
            if not done:
                resource = await self._begin(resource, goal)
            have, made, failed_now = await apply(world.azure, world.kube, goal, changes, have)
            done += made
            failed += failed_now
        self._memory.revoked(watched, done)
        pending = [change for change in plan(goal, have) if link(change) not in look.unseen]
        failed += [(change, _reverted(change)) for change in pending if change in done]
        findings = judge(goal, have, Failures(look.unseen, tuple(failed), tuple(pending), look.former))
        findings = tuple(self._overdue(resource, finding, watched) for finding in findings)
        wrote = any(isinstance(change, PutIdentity | PutCredential | PutAssignment) for change in done)
        unseen = frozenset(look.unseen.keys() | look.former.keys())
        broken = have.identity is None or any(not isinstance(change, PutIdentity | Removal) for change in pending)
        standing = Standing(resource, goal, have, findings, unseen, broken, world.now() if wrote else None)
        told = self._report.applied(resource, done, drift=drift)
        proof, *_ = await asyncio.gather(self._proof(standing, watched), told, self._new_client(resource, have))
        return await self._conclude(standing, proof, watched)

    async def _no_account(self, goal: Goal, look: Look) -> LookFailed | None:
        """Why there is nothing to grant access to: it is asked only while no assignment of what is wanted stands."""
        if len(missing_grants(goal, look.have)) < len(goal.grants):
            return None
        return look.no_account if look.account_asked else await no_account(self._world.azure, goal.desired)

    async def _hold(self, resource: Resource) -> None:
        """Make sure, before anything is made, that the deletion of the resource will pass by us. Raises LookFailed."""
        if resource.held:
            return
        try:
            await self._world.kube.resources.hold(resource.key, resource.uid)
        except ClusterError as error:
            doing = f"put its finalizer {FINALIZER} on this resource, without which nothing is made"
            raise LookFailed(IDENTITY_READY, kube_errors.classify(error, doing, resource.key.namespace)) from error

    async def _begin(self, resource: Resource, goal: Goal) -> Resource:
        """Record what is about to be made, before the first write, where the record does not hold it yet.

        Raises LookFailed when it cannot be recorded: what nobody remembers is not made."""
        status, known = presentable(begun(resource, goal, self._world.now())), resource.status
        if status.model_copy(update={"conditions": known.conditions, "containers": known.containers}) == known:
            return resource
        written = await self._report.status(resource, status)
        if written.status != status:
            message = "The status could not be written, and nothing is made that the status does not know of. It is tried again."
            raise LookFailed(IDENTITY_READY, Failure("ClusterUnavailable", message, Outlook.TRANSIENT))
        return written

    def _overdue(self, resource: Resource, finding: Finding, watched: Watched) -> Finding:
        """The finding, or what becomes of it when it has been waited for too long."""
        waited = watched.waited(finding, self._world.now())
        return finding.after(math.inf if was_told(resource, finding) else waited)

    async def _proof(self, standing: Standing, watched: Watched) -> Proof:
        desired, identity, broken = standing.goal.desired, standing.have.identity, first_broken(standing.findings)
        if identity is None or broken is not None:
            waits_for = broken.condition if broken else IDENTITY_READY
            return unproven(blocked(ACCESS_VERIFIED, waits_for), desired)
        fresh = self._lately(standing, watched)
        return await verify(self._world.azure, self._world.kube, desired, identity, fresh=fresh)

    def _lately(self, standing: Standing, watched: Watched) -> bool:
        """Whether Azure may still be spreading what it was told: by when this pass wrote it, by the assignments' own dates, or
        by how long access has been under way."""
        moments = [a.created_on for a in standing.have.assignments]
        moments += [
            moment.timestamp() if moment else None
            for moment in (
                standing.granted_at,
                watched.waiting_since(standing.resource, ACCESS_VERIFIED, "Propagating"),
            )
        ]
        now = self._world.now().timestamp()
        return any(moment is not None and now - moment < self._world.propagation_limit for moment in moments)

    async def _conclude(self, standing: Standing, proof: Proof, watched: Watched) -> Outcome:
        if proof.finding.outlook is not Outlook.BLOCKED:  # what was not tried says nothing of how long
            watched.waited(proof.finding, self._world.now())
        findings = (*standing.findings, proof.finding)
        status = self._status(standing, findings, proof)
        resource = await self._tell(standing.resource, findings, status, watched, broken=standing.broken)
        outlook = ready(findings, standing.goal.desired.verification).outlook
        if outlook is Outlook.GOOD:
            # Under Report access does not hold Ready back, but is tried again until it is there.
            outlook = proof.finding.outlook
        only_access = outlook is Outlook.WAITING and first_broken(standing.findings) is None
        return Outcome(findings, outlook, replace(standing, resource=resource) if only_access else None)

    def _status(self, standing: Standing, findings: Sequence[Finding], proof: Proof) -> Status:
        now, resource = self._world.now(), standing.resource
        if not standing.goal.may_use(standing.have):
            return judged(resource, findings, now)  # nothing is known of an identity that is not ours to use
        return summarize(resource, standing.goal, standing.have, findings, proof.containers, standing.unseen, now)

    async def _tell(
        self, resource: Resource, findings: Sequence[Finding], status: Status, watched: Watched, *, broken: bool = False
    ) -> Resource:
        """Write the status; but keep the old one while a Ready resource only meets failures that pass, unless one of them
        keeps what was seen to be broken from being put right."""
        counted = resource.spec.verification is Verification.REQUIRED
        outlooks = {found.outlook for found in findings if counted or found.condition != ACCESS_VERIFIED}
        only_passing = Outlook.TRANSIENT in outlooks and Outlook.STALLED not in outlooks
        borne = watched.bear() if only_passing and not broken and was_ready(resource) else 0
        await self._report.transient(resource, findings, borne=borne)
        if borne:
            handled = {"last_handled_reconcile_at": resource.requested_at}
            return await self._report.status(resource, resource.status.model_copy(update=handled))
        return await self._report.status(resource, status)

    async def _new_client(self, resource: Resource, have: Observed) -> None:
        """Say that the identity is another one than GitLab's pods know, as when somebody had deleted it."""
        known, now = resource.status.identity, have.identity
        if known and known.client_id and now and known.client_id != now.client_id:
            message = (
                f"The client ID is no longer {known.client_id} but {now.client_id}. Pods learn it when they are created: restart "
                f"GitLab's, with kubectl -n {resource.key.namespace} rollout restart deployment --selector release=gitlab"
            )
            await self._report.event(resource, "Warning", "ClientIdChanged", message)

    async def _pin_warning(self, resource: Resource, desired: Desired, watched: Watched) -> None:
        """Say, once in the life of this process, that the identity stays where it is, though settings now say otherwise."""
        if desired.pin_differs and watched.pin_told != desired.pin_differs:
            watched.pin_told = desired.pin_differs
            message = (
                f"Managed identity {desired.identity.resource_id} stays where it was made, although the operator's settings "
                f"would now put it at {desired.pin_differs}."
            )
            await self._report.event(resource, "Warning", "IdentityPinned", message)

    async def _cluster_warning(self, resource: Resource, goal: Goal, have: Observed, watched: Watched) -> None:
        """Say, once in the life of this process, that another cluster bears this one's name."""
        told = another_cluster(goal, have)
        if told and not watched.twin_told:
            await self._report.event(resource, "Warning", "ClusterNotUnique", *told)
        watched.twin_told = bool(told)


def _reverted(change: Change) -> Failure:
    """What was written, answered, and is not there."""
    message = f"The {change} does not stay as it is written: something in the cluster or in Azure changes it at once."
    return Failure("Conflict", message, Outlook.STALLED)
