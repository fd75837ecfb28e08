"""What a plan is made for: what is desired of one resource, and what policy and ownership allow on the way there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.desired import (
    Credential,
    Defaults,
    Desired,
    Grant,
    Unresolved,
    WantedObject,
    WantedServiceAccount,
    desire,
)
from gitlab_azure_identity.domain.findings import CannotProceed, Failure, Outlook
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner, claimed, handed_to
from gitlab_azure_identity.domain.policy import PolicyRule, adoptable, creatable, matches, refusal, sharers


class Mode(Enum):
    """Which way a plan goes."""

    RECONCILE = "all of what is desired is to stand"
    FINALIZE = "nothing of the owner's is to be left, and what is desired only says whose"


@dataclass(frozen=True)
class Terms:
    """What the operator's settings say of every resource."""

    cluster: str
    cloud: Cloud
    defaults: Defaults
    policy: Sequence[PolicyRule]

    def owner(self, resource: Resource) -> Owner:
        return Owner(self.cluster, resource.key.namespace, resource.key.name)


@dataclass(frozen=True)
class Goal:
    """What a plan is made for."""

    desired: Desired
    mode: Mode = Mode.RECONCILE
    may_create: bool = True  # policy: the identity may be created where it is wanted
    may_adopt: bool = False  # policy: the identity may be used although somebody else made it
    shared_with: tuple[str, ...] = ()  # policy: globs of namespaces that an adopted identity may trust besides
    former_issuers: tuple[str, ...] = ()  # of this cluster: credentials of theirs are ours too
    settled: bool = True  # those are needed no longer: access by the present issuer is proven, or nothing is to be left

    @property
    def owner(self) -> Owner:
        return self.desired.owner

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers of this cluster, the present one first."""
        return (self.desired.issuer, *self.former_issuers)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        return self.desired.credentials if self.mode is Mode.RECONCILE else ()

    @property
    def grants(self) -> tuple[Grant, ...]:
        return self.desired.grants if self.mode is Mode.RECONCILE else ()

    @property
    def service_accounts(self) -> tuple[WantedServiceAccount, ...]:
        return self.desired.service_accounts if self.mode is Mode.RECONCILE else ()

    @property
    def objects(self) -> tuple[WantedObject, ...]:
        return self.desired.objects if self.mode is Mode.RECONCILE else ()

    def owns(self, identity: Identity) -> bool:
        return self.owner.owns_identity(identity.tags)

    def is_anothers(self, identity: Identity | None) -> bool:
        """Whether the identity carries the tags of another resource, and policy does not lend it to this one."""
        return (
            identity is not None
            and not self.owns(identity)
            and not self.may_adopt
            and claimed(identity.tags) is not None
        )

    def may_use(self, have: Observed) -> bool:
        """Whether the identity may serve this resource: it is ours, or policy lends it and knows whom else it trusts."""
        identity = have.identity
        if identity is None or self.owns(identity):
            return identity is not None
        return self.may_adopt and have.credentials_seen and not self.strangers(have)

    def strangers(self, have: Observed) -> tuple[Credential, ...]:
        """Credentials of an adopted identity that trust somebody whom neither this resource nor the policy names. What is granted
        to the identity is granted to them."""
        if have.identity is None or self.owns(have.identity):
            return ()
        return tuple(c for c in have.credentials if not self._is_ours(c) and not matches(self.shared_with, c.trusts))

    def _is_ours(self, credential: Credential) -> bool:
        """Whether a credential trusts service accounts of this resource's own namespace in this cluster."""
        return credential.issuer in self.issuers and naming.namespace_of(credential.subject) == self.owner.namespace

    def of_another_cluster(self, have: Observed) -> Credential | None:
        """A credential, on the identity that we created, of another cluster's operator for a resource of this name, or for a
        subject of this resource through another cluster's issuer: two clusters bear one name."""
        if have.identity is None or not self.owns(have.identity):
            return None
        subjects, owner = {credential.subject for credential in self.desired.credentials}, self.owner
        foreign = (credential for credential in have.credentials if credential.issuer not in self.issuers)
        return next(
            (
                credential
                for credential in foreign
                if credential.subject in subjects
                or credential.name.startswith(naming.credential_prefix(credential.issuer, owner.namespace, owner.name))
            ),
            None,
        )

    def owns_credential(self, credential: Credential) -> bool:
        """Ours by name, by issuer and by a subject in our own namespace: all three, since a name alone can be forged."""
        owner, issuer = self.owner, credential.issuer
        return (
            credential.name.startswith(naming.credential_prefix(issuer, owner.namespace, owner.name))
            and issuer in self.issuers
            and credential.subject.startswith(naming.subject(owner.namespace, ""))
        )

    def owns_assignment(self, assignment: Assignment) -> bool:
        return assignment.description == self.owner.description

    def owns_object(self, found: ClusterObject) -> bool:
        """Made by us, so deleted by us. One that was handed over, to us or to another, stays when the resource goes."""
        return self.created(found) and handed_to(found.annotations) is None

    def holds(self, found: ClusterObject) -> bool:
        """Whether an object is marked as ours, or is a service account that still carries our annotation."""
        annotated = found.kind == "ServiceAccount" and self._applied(found)
        return annotated or self.created(found)

    def labels_for(self, found: ClusterObject | None) -> Mapping[str, str]:
        """Our label says that we made an object, and may delete it: one that was handed over to us never gets it."""
        return self.owner.labels if found is None or self.created(found) else {}

    def may_write(self, found: ClusterObject) -> bool:
        """Ours to write: whom it was handed to says more than who made it."""
        heir = handed_to(found.annotations)
        return self.created(found) if heir is None else heir == self.owner.name

    def unlabelled(self, found: ClusterObject) -> bool:
        """Whether somebody took our label off an object that we created. The label is put back."""
        return self.created(found) and not self.owner.labelled(found.labels)

    def created(self, found: ClusterObject) -> bool:
        """By its label; where that was taken off, by its annotation on what our field manager still holds."""
        created = self.owner.created(found.labels, found.annotations)
        return created and (self.owner.labelled(found.labels) or self._applied(found))

    def _applied(self, found: ClusterObject) -> bool:
        return naming.field_manager(self.owner.name) in found.managers


def reconcile_goal(resource: Resource, terms: Terms, issuer: str, pin: IdentityId | None = None) -> Goal:
    """That all of what the resource wants stands. `pin` is where its identity was found, if not where the status has it.

    Raises CannotProceed, also where policy does not admit it."""
    desired, policy = _desired(resource, terms, issuer, pin), terms.policy
    if denied := refusal(policy, desired):
        raise CannotProceed(Link.IDENTITY, Failure(Reason.NOT_PERMITTED, denied, Outlook.STALLED))
    return Goal(
        desired,
        may_create=creatable(policy, desired),
        may_adopt=adoptable(policy, desired),
        shared_with=sharers(policy, desired),
        former_issuers=former_issuers(resource, issuer),
        settled=_is_settled(resource, issuer),
    )


def finalize_goal(resource: Resource, terms: Terms, issuer: str, pin: IdentityId | None = None) -> Goal:
    """That nothing of the resource's is left: what it wanted, as far as that can be read, says where to look.

    Raises CannotProceed."""
    legible = replace(resource, spec=resource.legible)
    desired = _desired(legible, terms, issuer, pin)
    return Goal(desired, Mode.FINALIZE, former_issuers=former_issuers(resource, issuer))


def _desired(resource: Resource, terms: Terms, issuer: str, pin: IdentityId | None) -> Desired:
    try:
        return desire(
            resource, cluster=terms.cluster, cloud=terms.cloud, issuer=issuer, defaults=terms.defaults, pin=pin
        )
    except Unresolved as gap:
        raise CannotProceed(Link.IDENTITY, Failure(gap.reason, gap.message, Outlook.STALLED)) from gap


def former_issuers(resource: Resource, issuer: str) -> tuple[str, ...]:
    """Issuers that the cluster had before, by the status: credentials of theirs are still ours."""
    known = dict.fromkeys([*resource.status.former_issuers, resource.status.issuer])
    return tuple(one for one in known if one and one != issuer)


def _is_settled(resource: Resource, issuer: str) -> bool:
    """Whether access by this issuer was proven before this pass. Until then GitLab lives by the credentials of a former
    issuer: the new one may be a typing mistake, and pods keep tokens of the former one for up to an hour."""
    counts = READY if resource.legible.verification is Verification.DISABLED else Link.ACCESS
    condition = resource.status.condition(counts)
    return resource.status.issuer == issuer and condition is not None and condition.status == "True"
