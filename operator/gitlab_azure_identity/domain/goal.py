"""What a plan is made for: what is desired of one resource, and what policy and ownership allow on the way there."""

from collections.abc import Mapping
from dataclasses import dataclass

from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.desired import Credential, Desired, Grant, WantedObject, WantedServiceAccount
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner, claimed, handed_to
from gitlab_azure_identity.domain.policy import matches


@dataclass(frozen=True)
class Goal:
    """What a plan is made for: that all of `desired` stands. With `keep` off it is a deletion: nothing of the owner's is to
    be left, and `desired` only says whose."""

    desired: Desired
    keep: bool = True
    may_create: bool = True  # policy: the identity may be created where it is wanted
    may_adopt: bool = False  # policy: the identity may be used although somebody else made it
    shared_with: tuple[str, ...] = ()  # policy: globs of namespaces that an adopted identity may trust besides
    former_issuers: tuple[str, ...] = ()  # of this cluster: credentials of theirs are ours too
    settled: bool = True  # nobody needs those any more: access by the present issuer is proven, or none is to be left

    @property
    def owner(self) -> Owner:
        return self.desired.owner

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers of this cluster, the present one first."""
        return (self.desired.issuer, *self.former_issuers)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        return self.desired.credentials if self.keep else ()

    @property
    def grants(self) -> tuple[Grant, ...]:
        return self.desired.grants if self.keep else ()

    @property
    def service_accounts(self) -> tuple[WantedServiceAccount, ...]:
        return self.desired.service_accounts if self.keep else ()

    @property
    def objects(self) -> tuple[WantedObject, ...]:
        return self.desired.objects if self.keep else ()

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
