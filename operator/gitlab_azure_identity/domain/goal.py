"""The goal of a plan: what is desired for one resource, and what policy and ownership allow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from gitlab_azure_identity.api import CONTENT_HASH_ANNOTATION
from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId, folded
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
    """Whether a plan creates or removes."""

    RECONCILE = "everything that is desired is to exist"
    FINALIZE = "nothing of the owner is to be left; what is desired only says who the owner is"


@dataclass(frozen=True)
class Terms:
    """The settings that apply to every resource."""

    cluster: str
    cloud: Cloud
    defaults: Defaults
    policy: Sequence[PolicyRule]

    def owner(self, resource: Resource) -> Owner:
        return Owner(self.cluster, resource.key.namespace, resource.key.name)


@dataclass(frozen=True)
class Goal:
    """The goal of a plan."""

    desired: Desired
    mode: Mode = Mode.RECONCILE
    may_create: bool = True  # the resource and policy: the identity may be created at its place
    may_adopt: bool = False  # policy: the identity may be used although somebody else created it
    shared_with: tuple[str, ...] = ()  # policy: globs of other namespaces that an adopted identity may trust
    former_issuers: tuple[str, ...] = ()  # of this cluster: credentials with them are ours too
    settled: bool = True  # an earlier pass proved what is wanted now, so what it replaces may go; or all is removed
    proven: bool = False  # access was proven in this pass, with all that it needs in place
    spread_by: float = math.inf  # seconds since the epoch: Azure knows the roles everywhere that were assigned before

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
        """Whether the identity has the tags of another resource, and policy does not let this one adopt it."""
        return (
            identity is not None
            and not self.owns(identity)
            and not self.may_adopt
            and claimed(identity.tags) is not None
        )

    def may_use(self, have: Observed) -> bool:
        """Whether the identity may serve this resource: it is ours, or policy lets us adopt it and names whom else it trusts."""
        identity = have.identity
        if identity is None or self.owns(identity):
            return identity is not None
        return self.may_adopt and have.credentials_seen and not self.strangers(have)

    def strangers(self, have: Observed) -> tuple[Credential, ...]:
        """Credentials of an adopted identity whose subjects neither this resource nor the policy names. Whatever is granted to
        the identity is granted to these subjects too."""
        if have.identity is None or self.owns(have.identity):
            return ()
        return tuple(c for c in have.credentials if not self._is_ours(c) and not matches(self.shared_with, c.trusts))

    def _is_ours(self, credential: Credential) -> bool:
        """Whether a credential trusts service accounts of this resource's own namespace in this cluster. An issuer with a slash
        more or less at its end is of no use to anybody, but it is nobody else's: both have one place on the web."""
        issuers = {issuer.rstrip("/") for issuer in self.issuers}
        ours = naming.namespace_of(credential.subject) == self.owner.namespace
        return ours and credential.issuer.rstrip("/") in issuers

    def of_another_cluster(self, have: Observed) -> Credential | None:
        """A credential of another cluster on the identity that we created: another operator created it for a resource of this
        name, or it trusts a subject of this resource through another issuer. Then two clusters have the same name."""
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
        """Whether a credential is ours by its name, its issuer and a subject in our own namespace. It takes all three, since a
        name can be forged."""
        owner, issuer = self.owner, credential.issuer
        return (
            credential.name.startswith(naming.credential_prefix(issuer, owner.namespace, owner.name))
            and issuer in self.issuers
            and credential.subject.startswith(naming.subject(owner.namespace, ""))
        )

    def owns_assignment(self, assignment: Assignment) -> bool:
        return assignment.description == self.owner.description

    def owns_object(self, found: ClusterObject) -> bool:
        """Whether we created the object, and so delete it. An object that was handed over, to us or to another, stays when the
        resource is deleted."""
        return self.created(found) and handed_to(found.annotations) is None

    def has_marks_on(self, found: ClusterObject) -> bool:
        """Whether an object is marked as ours, or still has annotations of ours: those of a service account's identity, or of a
        secret's content."""
        annotated = found.kind == "ServiceAccount" or CONTENT_HASH_ANNOTATION in found.annotations
        return (annotated and self._applied(found)) or self.created(found)

    def labels_for(self, found: ClusterObject | None) -> Mapping[str, str]:
        """The labels to apply. Our label says that we created the object and may delete it, so an object that was handed over to
        us never gets it."""
        return self.owner.labels if found is None or self.created(found) else {}

    def may_write(self, found: ClusterObject) -> bool:
        """Whether the object is ours to write. A handover counts more than its creator."""
        heir = handed_to(found.annotations)
        return self.created(found) if heir is None else heir == self.owner.name

    def handed_over(self, found: ClusterObject) -> bool:
        """Whether somebody else created the object and handed it over to us."""
        return self.may_write(found) and not self.created(found)

    def unlabelled(self, found: ClusterObject) -> bool:
        """Whether somebody removed our label from an object that we created. The label is restored."""
        return self.created(found) and not self.owner.labelled(found.labels)

    def created(self, found: ClusterObject) -> bool:
        """Whether we created the object: by its label, or without a label by its annotation, if our field manager still owns
        fields of it."""
        created = self.owner.created(found.labels, found.annotations)
        return created and (self.owner.labelled(found.labels) or self._applied(found))

    def _applied(self, found: ClusterObject) -> bool:
        return naming.field_manager(self.owner.name) in found.managers


def reconcile_goal(
    resource: Resource,
    terms: Terms,
    issuer: str,
    pin: IdentityId | None = None,
    blob_host: str | None = None,
    *,
    spread_by: float = math.inf,
) -> Goal:
    """The goal that everything that the resource wants exists. `pin` is the place where its identity was found, and `blob_host`
    the host of its account's blob endpoint, if the status does not name them. Azure knows roles everywhere that were assigned
    before `spread_by`, in seconds since the epoch. Raises CannotProceed, also when policy does not admit the resource."""
    desired, policy = _desired(resource, terms, issuer, pin, blob_host), terms.policy
    if denied := refusal(policy, desired):
        raise CannotProceed(Link.IDENTITY, Failure(Reason.NOT_PERMITTED, denied, Outlook.STALLED))
    return Goal(
        desired,
        may_create=Link.IDENTITY not in desired.unmanaged and creatable(policy, desired),
        may_adopt=adoptable(policy, desired),
        shared_with=sharers(policy, desired),
        former_issuers=former_issuers(resource, issuer),
        settled=_is_settled(resource, desired),
        spread_by=spread_by,
    )


def finalize_goal(resource: Resource, terms: Terms, issuer: str, pin: IdentityId | None = None) -> Goal:
    """The goal that nothing of the resource is left. The legible part of its spec says where to look. Raises CannotProceed."""
    legible = replace(resource, spec=resource.legible)
    desired = _desired(legible, terms, issuer, pin, None)
    return Goal(desired, Mode.FINALIZE, former_issuers=former_issuers(resource, issuer))


def _desired(resource: Resource, terms: Terms, issuer: str, pin: IdentityId | None, blob_host: str | None) -> Desired:
    try:
        return desire(
            resource,
            cluster=terms.cluster,
            cloud=terms.cloud,
            issuer=issuer,
            defaults=terms.defaults,
            pin=pin,
            blob_host=blob_host,
        )
    except Unresolved as gap:
        raise CannotProceed(Link.IDENTITY, Failure(gap.reason, gap.message, Outlook.STALLED)) from gap


def former_issuers(resource: Resource, issuer: str) -> tuple[str, ...]:
    """The former issuers of the cluster, by the status. Credentials with them are still ours."""
    known = dict.fromkeys([*resource.status.former_issuers, resource.status.issuer])
    return tuple(one for one in known if one and one != issuer)


def _is_settled(resource: Resource, desired: Desired) -> bool:
    """Whether an earlier pass proved access by what is wanted now: by this issuer, this spec and these role assignments.

    Until then GitLab may need what it replaces. A new issuer may be a typing mistake, and pods keep tokens of the former one for
    up to an hour. A new role may not be in effect yet."""
    counts = READY if resource.legible.verification is Verification.DISABLED else Link.ACCESS
    condition, status = resource.status.condition(counts), resource.status
    proven = (
        condition is not None
        and condition.status == "True"
        and condition.observed_generation == resource.generation
        and status.issuer == desired.issuer
    )
    assigned = {(entry.role, folded(entry.scope)) for entry in status.role_assignments if entry.name}
    granted = all((grant.role.name, grant.scope.key) in assigned for grant in desired.grants)
    return proven and (granted or Link.ROLES in desired.unmanaged)
