"""What is wanted of a resource, and whether it may be: the spec, the operator's settings and policy, and the issuer."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gitlab_azure_identity.api.conditions import ACCESS_VERIFIED, IDENTITY_READY, READY
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.domain.arm import ResourceGroupId, parse_identity_id
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.desired import Defaults, Desired, Unresolved, desire
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.policy import PolicyRule, adoptable, creatable, identity_groups, refusal, sharers
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.observe import LookFailed, Whereabouts
from gitlab_azure_identity.reconcile.ports import Azure, Kube

ISSUER_KNOWN_FOR = 60.0  # seconds; it changes only with the API server itself


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


class Goals:
    """Says what passes and deletions aim at. `pin` is the ARM id of an identity of ours that was found elsewhere than the
    status and the settings would have it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._issuer = "", -math.inf

    def owner(self, resource: Resource) -> Owner:
        return Owner(self._world.cluster, resource.key.namespace, resource.key.name)

    async def upkeep(self, resource: Resource, pin: str | None = None) -> Goal:
        """That all that the resource wants stands. Raises LookFailed, also where policy does not admit it."""
        desired, policy = self._desired(resource, await self._known_issuer(), pin), self._world.policy
        if denied := refusal(policy, desired):
            raise LookFailed(IDENTITY_READY, Failure("NotPermitted", denied, Outlook.STALLED))
        return Goal(
            desired,
            may_create=creatable(policy, desired),
            may_adopt=adoptable(policy, desired),
            shared_with=sharers(policy, desired),
            former_issuers=former_issuers(resource, desired.issuer),
            settled=_settled(resource, desired.issuer),
        )

    async def deletion(self, resource: Resource, pin: str | None = None) -> Goal:
        """That nothing of the resource's is left: what it wanted says where to look. An issuer that cannot be learnt any more
        is on record, or nothing was ever made for it. Raises LookFailed."""
        try:
            issuer = await self._known_issuer()
        except LookFailed as failed:
            if failed.failure.outlook is not Outlook.STALLED:
                raise
            issuer = resource.status.issuer or ""
        desired = self._desired(resource, issuer, pin)
        return Goal(desired, keep=False, former_issuers=former_issuers(resource, desired.issuer))

    def whereabouts(self, resource: Resource, goal: Goal) -> Whereabouts:
        groups = self.groups(resource)
        known = resource.status.identity
        if known and known.resource_id:  # its making may have ended before anybody heard of it
            made = parse_identity_id(known.resource_id)
            groups.append(str(ResourceGroupId(made.subscription, made.resource_group)))
        return Whereabouts(
            goal.desired,
            resource.status,
            tuple(groups),
            adopts=goal.may_adopt,
            granting=goal.keep,
            creating=goal.keep and goal.may_create,
        )

    def groups(self, resource: Resource) -> list[str]:
        """ARM ids of the resource groups that policy admits for the resource's identity."""
        return [*identity_groups(self._world.policy, resource.key.namespace)]

    def _desired(self, resource: Resource, issuer: str, pin: str | None) -> Desired:
        world = self._world
        if resource.invalid:
            message = (
                f"The spec does not fit this operator's schema: {resource.invalid}. Mend these fields, and apply it again; "
                "upgrade the CRD where it is older than the operator."
            )
            raise LookFailed(IDENTITY_READY, Failure("InvalidSpec", message, Outlook.STALLED))
        try:
            return desire(
                resource, cluster=world.cluster, cloud=world.cloud, issuer=issuer, defaults=world.defaults, pin=pin
            )
        except Unresolved as gap:
            raise LookFailed(IDENTITY_READY, Failure("NotConfigured", f"{gap}.", Outlook.STALLED)) from gap

    async def _known_issuer(self) -> str:
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


def former_issuers(resource: Resource, issuer: str) -> tuple[str, ...]:
    """Issuers that the cluster had, by the status, before the one that it has now: credentials of theirs are still ours."""
    known = dict.fromkeys([*resource.status.former_issuers, resource.status.issuer])
    return tuple(one for one in known if one and one != issuer)


def _settled(resource: Resource, issuer: str) -> bool:
    """Whether access by this issuer was proven before this pass. Until then the credentials of an earlier one are what GitLab
    lives by: the new one may be a typing mistake, and pods keep tokens of the old one for up to an hour."""
    counts = READY if resource.spec.verification is Verification.DISABLED else ACCESS_VERIFIED
    told = resource.status.condition(counts)
    return resource.status.issuer == issuer and told is not None and told.status == "True"
