"""One pass over one resource: observe, plan, apply, verify, summarize."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gitlab_azure_identity.api import FINALIZER
from gitlab_azure_identity.api.conditions import ACCESS_VERIFIED, IDENTITY_READY
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.arm import parse_identity_id
from gitlab_azure_identity.domain.changes import Change, PutAssignment, PutCredential, PutIdentity
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.desired import Defaults, Desired, Unresolved, desire
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked
from gitlab_azure_identity.domain.judge import Failures, first_broken, judge, link, stop
from gitlab_azure_identity.domain.naming import same_arm_id
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import Goal, missing_grants, plan
from gitlab_azure_identity.domain.policy import PolicyRule, adoptable, creatable, identity_groups, refusal
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.observe import LookFailed, Whereabouts, no_account, observe
from gitlab_azure_identity.reconcile.ports import Azure, Kube
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.summarize import begun, judged, ready, summarize, suspended, waited, was_ready
from gitlab_azure_identity.reconcile.verify import Proof, unproven, verify
from gitlab_azure_identity.reconcile.watched import Watched

ISSUER_KNOWN_FOR = 60.0  # seconds; it changes only with the API server itself
ROUNDS = 5  # plans a pass: the identity, what hangs on it, what is pruned, and room for one surprise


@dataclass(frozen=True)
class World:
    """What all passes share: who we are, what we may, and how to ask. Times in seconds."""

    cluster: str
    cloud: Cloud
    defaults: Defaults
    policy: Sequence[PolicyRule]
    issuer: str | None
    propagation_limit: float
    azure: Azure
    kube: Kube
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Standing:
    """A pass that came as far as verifying: enough to verify again without looking at everything anew."""

    resource: Resource
    goal: Goal
    have: Observed
    findings: tuple[Finding, ...]  # all but AccessVerified
    unseen: frozenset[str]  # links that could not be looked at
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
    """Runs passes. `bear` is asked when a Ready resource meets a transient failure: how many there were in a
    row, this one included, while its conditions may stay as they are; 0 when they may not any longer."""

    def __init__(self, world: World, reporter: Reporter) -> None:
        self._world, self._report = world, reporter
        self._issuer = "", -math.inf
        self._pins: dict[Key, str] = {}  # what the pin Warning has been said of

    async def run(self, resource: Resource, watched: Watched) -> Outcome:
        """Bring one resource to what it says."""
        if resource.spec.suspend:
            await self._report.status(resource, suspended(resource, self._world.now()))
            return Outcome((), Outlook.GOOD)
        try:
            return await self._pursue(resource, await self._goal(resource), watched)
        except LookFailed as failed:
            return await self._stopped(resource, stop(failed.condition, failed.failure), watched.bear)

    async def verify_again(self, standing: Standing) -> Outcome:
        """Try access once more, with the world as the last pass left it: its resource is waiting, so that nothing is borne."""
        proof = await self._proof(standing)
        return await self._conclude(standing, proof, lambda: 0)

    async def _goal(self, resource: Resource) -> Goal:
        """What is wanted, and whether it may be. Raises LookFailed."""
        desired = await self.desired(resource)
        if denied := refusal(self._world.policy, desired):
            raise LookFailed(IDENTITY_READY, Failure("NotPermitted", denied, Outlook.STALLED))
        may_create, may_adopt = creatable(self._world.policy, desired), adoptable(self._world.policy, desired)
        return Goal(desired, may_create=may_create, may_adopt=may_adopt)

    async def desired(self, resource: Resource) -> Desired:
        """What is wanted, every default filled in. Raises LookFailed."""
        world = self._world
        if resource.invalid:
            message = f"The spec does not fit this operator's schema: {resource.invalid}. Upgrade the CRD, and apply it again."
            raise LookFailed(IDENTITY_READY, Failure("InvalidSpec", message, Outlook.STALLED))
        try:
            return desire(
                resource, cluster=world.cluster, cloud=world.cloud, issuer=await self.issuer(), defaults=world.defaults
            )
        except Unresolved as gap:
            raise LookFailed(IDENTITY_READY, Failure("NotConfigured", f"{gap}.", Outlook.STALLED)) from gap

    async def issuer(self) -> str:
        """The cluster's issuer: the setting, or what the API server says of itself. Raises LookFailed."""
        if self._world.issuer:
            return self._world.issuer
        known, since = self._issuer
        if time.monotonic() - since > ISSUER_KNOWN_FOR:
            known = await self._discovered()
            self._issuer = known, time.monotonic()
        return known

    async def _discovered(self) -> str:
        doing = "read the cluster's OIDC issuer (/.well-known/openid-configuration)"
        try:
            issuer = await self._world.kube.tokens.issuer()
        except ClusterError as error:
            known = kube_errors.classify(error, doing, "this cluster")
            if known.outlook is Outlook.TRANSIENT:
                raise LookFailed(IDENTITY_READY, known) from error
            issuer = None
        if issuer is None or not issuer.startswith("https://"):
            message = (
                f"The operator could not {doing}. Enable the OIDC issuer (az aks update --enable-oidc-issuer), or name it in "
                "the operator's setting `issuer`."
            )
            raise LookFailed(IDENTITY_READY, Failure("IssuerUnknown", message, Outlook.STALLED))
        return issuer

    def whereabouts(self, resource: Resource, desired: Desired, *, adopts: bool) -> Whereabouts:
        groups = tuple(identity_groups(self._world.policy, resource.key.namespace))
        return Whereabouts(desired.owner, desired, resource.status, groups, adopts)

    async def _pursue(self, resource: Resource, goal: Goal, watched: Watched) -> Outcome:
        world = self._world
        look = await observe(world.azure, world.kube, self.whereabouts(resource, goal.desired, adopts=goal.may_adopt))
        have = look.have
        if have.identity and not same_arm_id(have.identity.resource_id, goal.desired.identity.resource_id):
            goal = replace(goal, desired=_found_elsewhere(goal.desired, have.identity.resource_id))
        if len(missing_grants(goal, have)) == len(goal.grants):
            missing = look.no_account if look.account_asked else await no_account(world.azure, goal.desired)
            if missing:
                raise missing
        await self._pin_warning(resource, goal.desired)
        drift, done, failed = was_ready(resource), list[Change](), list[tuple[Change, Failure]]()
        for _ in range(ROUNDS):
            changes = [change for change in plan(goal, have) if link(change) not in look.unseen and change not in done]
            if not changes:
                break
            if not done:
                await self._hold(resource, watched)
                resource = await self._begin(resource, goal.desired)
            have, made, failed_now = await apply(world.azure, world.kube, goal, changes, have)
            done += made
            failed += failed_now
            if failed_now:
                break
        failed += [
            (change, _reverted(change))
            for change in plan(goal, have)
            if change in done and link(change) not in look.unseen
        ]
        judged_now = judge(goal, have, Failures(look.unseen, tuple(failed)))
        findings = tuple(
            found.after(waited(resource, found.condition, found.reason, world.now())) for found in judged_now
        )
        wrote = any(isinstance(change, PutIdentity | PutCredential | PutAssignment) for change in done)
        standing = Standing(resource, goal, have, findings, frozenset(look.unseen), world.now() if wrote else None)
        told = self._report.applied(resource, done, drift=drift)
        proof, _ = await asyncio.gather(self._proof(standing), told)
        return await self._conclude(standing, proof, watched.bear)

    async def _hold(self, resource: Resource, watched: Watched) -> None:
        """Make sure, before the first write, that the deletion of the resource will pass by us. Looking needs no finalizer,
        and goes on while kopf puts it there; where it does not come, we put it there, or tell who refuses it.

        Raises LookFailed."""
        if resource.held or await watched.held():
            return
        try:
            await self._world.kube.resources.hold(resource)
        except ClusterError as error:
            doing = f"put its finalizer {FINALIZER} on this resource, without which nothing is made"
            raise LookFailed(IDENTITY_READY, kube_errors.classify(error, doing, resource.key.namespace)) from error

    async def _begin(self, resource: Resource, desired: Desired) -> Resource:
        """Record what is about to be made, before the first write, where the record does not hold it yet.

        Raises LookFailed when it cannot be recorded: what nobody remembers is not made."""
        status = begun(resource, desired, self._world.now())
        known = resource.status
        parts = ("role_assignments", "service_accounts", "secrets", "retired_secrets", "values_config_map")
        recorded = all(getattr(status, part) == getattr(known, part) for part in parts)
        pinned = known.identity is not None and known.identity.resource_id is not None
        if recorded and pinned and known.observed_generation == resource.generation:
            return resource
        written = await self._report.status(resource, status)
        if written.status != status:
            message = "The status could not be written, and nothing is made that the status does not know of. It is tried again."
            raise LookFailed(IDENTITY_READY, Failure("ClusterUnavailable", message, Outlook.TRANSIENT))
        return written

    async def _proof(self, standing: Standing) -> Proof:
        desired, identity, broken = standing.goal.desired, standing.have.identity, first_broken(standing.findings)
        if identity is None or broken is not None:
            waits_for = broken.condition if broken else IDENTITY_READY
            return unproven(blocked(ACCESS_VERIFIED, waits_for), desired)
        fresh = self._lately(standing)
        return await verify(self._world.azure, self._world.kube, desired, identity, fresh=fresh)

    def _lately(self, standing: Standing) -> bool:
        """Whether Azure may still be spreading what it was told: by when this pass wrote it, by the assignments' own dates, or
        by how long access has been under way."""
        now, limit = self._world.now(), self._world.propagation_limit
        created = [a.created_on for a in standing.have.assignments if a.created_on is not None]
        if standing.granted_at is not None:
            created.append(standing.granted_at.timestamp())
        if any(now.timestamp() - moment < limit for moment in created):
            return True
        return 0.0 < waited(standing.resource, ACCESS_VERIFIED, "Propagating", now) < limit

    async def _conclude(self, standing: Standing, proof: Proof, bear: Callable[[], int]) -> Outcome:
        findings = (*standing.findings, proof.finding)
        resource = await self._tell(standing.resource, findings, self._status(standing, findings, proof), bear)
        outlook = ready(findings, standing.goal.desired.verification).outlook
        if outlook is Outlook.GOOD:
            # Under Report access does not hold Ready back, but is tried again until it is there.
            outlook = proof.finding.outlook
        only_access = outlook is Outlook.WAITING and first_broken(standing.findings) is None
        return Outcome(findings, outlook, replace(standing, resource=resource) if only_access else None)

    def _status(self, standing: Standing, findings: Sequence[Finding], proof: Proof) -> Status:
        now = self._world.now()
        if standing.findings[0].outlook is not Outlook.GOOD:
            return judged(standing.resource, findings, now)  # nothing is known of an identity that is not ours to use
        return summarize(
            standing.resource,
            standing.goal,
            standing.have,
            findings,
            proof.containers,
            standing.unseen,
            now,
        )

    async def _stopped(self, resource: Resource, findings: tuple[Finding, ...], bear: Callable[[], int]) -> Outcome:
        await self._tell(resource, findings, judged(resource, findings, self._world.now()), bear)
        return Outcome(findings, ready(findings, Verification.REQUIRED).outlook)

    async def _tell(
        self, resource: Resource, findings: Sequence[Finding], status: Status, bear: Callable[[], int]
    ) -> Resource:
        """Write the status; but keep the old one while a Ready resource only meets failures that pass."""
        counted = resource.spec.verification is Verification.REQUIRED
        outlooks = {found.outlook for found in findings if counted or found.condition != ACCESS_VERIFIED}
        bearable = Outlook.TRANSIENT in outlooks and Outlook.STALLED not in outlooks and was_ready(resource)
        borne = bear() if bearable else 0
        await self._report.transient(resource, findings, borne=borne)
        if borne:
            handled = {"last_handled_reconcile_at": resource.requested_at}
            return await self._report.status(resource, resource.status.model_copy(update=handled))
        return await self._report.status(resource, status)

    async def _pin_warning(self, resource: Resource, desired: Desired) -> None:
        """Say, once in the life of this process, that the identity stays where it is, though settings now say otherwise."""
        if desired.pin_differs and self._pins.get(resource.key) != desired.pin_differs:
            self._pins[resource.key] = desired.pin_differs
            message = (
                f"Managed identity {desired.identity.resource_id} stays where it was made, although the operator's settings "
                f"would now put it at {desired.pin_differs}."
            )
            await self._report.event(resource, "Warning", "IdentityPinned", message)


def _reverted(change: Change) -> Failure:
    """What was written, answered, and is not there."""
    message = f"The {change} does not stay as it is written: something in the cluster or in Azure changes it at once."
    return Failure("Conflict", message, Outlook.STALLED)


def _found_elsewhere(desired: Desired, resource_id: str) -> Desired:
    """The identity is where its tags were found, not where defaults would put it: a status was lost, and settings moved on."""
    found = parse_identity_id(resource_id)
    identity = replace(
        desired.identity, subscription=found.subscription, resource_group=found.resource_group, name=found.name
    )
    return replace(desired, identity=identity)
