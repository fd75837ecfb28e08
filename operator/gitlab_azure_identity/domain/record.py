"""The objects in Azure that exist by the record in a status, as far as the record may be believed.

Azure's reads lag behind its writes: a read may not show an object that was created minutes ago. A deletion therefore assumes
that a recorded object exists until Azure confirms that it was deleted. Anybody who may write a status may have written the
record. So an object only counts as the resource's own when the resource itself would have created it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import (
    FederatedCredentialStatus,
    IdentityStatus,
    Origin,
    RoleAssignmentStatus,
    Status,
)
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId, StorageScope, folded
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment, DeleteCredential, DeleteIdentity, words
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import another_cluster
from gitlab_azure_identity.domain.observed import Assignment, Identity, Observed
from gitlab_azure_identity.domain.ownership import OWNER_TAGS, Owner, handed_to
from gitlab_azure_identity.domain.policy import reserved
from gitlab_azure_identity.domain.roles import STORAGE_ROLES


def credible(resource: Resource, owner: Owner) -> Resource:
    """The resource, without an identity in its status that the operator cannot have recorded: one whose name is reserved for a
    resource of another namespace."""
    known = resource.status.identity
    if known is None or known.resource_id is None or reserved(owner, IdentityId.parse(known.resource_id).name) is None:
        return resource
    return resource.without_identity()


def remembered(
    resource: Resource, goal: Goal, have: Observed, *, groups: Collection[ResourceGroupId], deleted: Collection[str]
) -> Observed:
    """What was observed, and the recorded objects that were not. `groups` are the resource groups that policy admits. `deleted`
    has the keys (see `deleted_keys`) of the objects whose deletion Azure confirmed."""
    known = resource.status.identity
    if have.identity is None and known and _undeleted(known, deleted):
        have = replace(have, identity=_identity(resource, goal, known, groups))
    if have.identity is not None:
        for credential in _credentials(resource, goal):
            if _credential_key(have.identity, credential) not in deleted and not have.has_credential(credential.name):
                have = have.with_credential(credential)
    for assignment in _assignments(resource, goal):
        if assignment.key not in deleted and not have.has_assignment(assignment):
            have = have.with_assignment(assignment)
    return have


def _undeleted(known: IdentityStatus, deleted: Collection[str]) -> bool:
    """Whether the record names an identity that was created and whose deletion Azure has not confirmed."""
    return bool(known.resource_id and known.principal_id) and folded(known.resource_id or "") not in deleted


def _identity(resource: Resource, goal: Goal, known: IdentityStatus, groups: Collection[ResourceGroupId]) -> Identity:
    """The identity on record. It gets our tags only when this resource would have created that very identity."""
    resource_id = known.resource_id or ""
    place = IdentityId.parse(resource_id)
    owner = goal.owner
    own_name = resource.legible.identity.name or naming.identity_name(owner.cluster, owner.namespace, owner.name)
    created = (
        known.origin is Origin.CREATED
        and place.name.lower() == own_name.lower()
        and any(place.group.same_as(group) for group in groups)
    )
    return Identity(
        resource_id=resource_id,
        name=place.name,
        location="",
        tags=owner.tags if created else {},
        client_id=known.client_id or "",
        principal_id=known.principal_id or "",
        tenant_id=known.tenant_id or "",
    )


def _credentials(resource: Resource, goal: Goal) -> Iterator[Credential]:
    """The credentials on record that are ours by name, issuer and subject."""
    for entry in resource.status.federated_credentials:
        credential = Credential(entry.name, goal.desired.issuer, entry.subject, goal.desired.cloud.audience)
        if goal.owns_credential(credential):
            yield credential


def _assignments(resource: Resource, goal: Goal) -> Iterator[Assignment]:
    """The role assignments on record with the name that this operator gives. One that a person created has another name."""
    for entry in resource.status.role_assignments:
        role = next((role for role in STORAGE_ROLES if role.name == entry.role), None)
        if role is None or not entry.principal_id:
            continue
        scope = StorageScope.parse(entry.scope)
        if entry.name == naming.role_assignment_name(scope, entry.principal_id, role):
            yield Assignment(entry.name, role.guid, scope, entry.principal_id, goal.owner.description)


def deleted_keys(done: Iterable[Change]) -> Iterator[str]:
    """The keys of the objects that these changes deleted in Azure. Azure also confirms the deletion of one that did not exist."""
    for change in done:
        if isinstance(change, DeleteIdentity):
            yield change.identity.id.key
        elif isinstance(change, DeleteCredential):
            yield _credential_key(change.identity, change.credential)
        elif isinstance(change, DeleteAssignment):
            yield change.assignment.key


def undeleted_credentials(status: Status, have: Observed, deleted: Collection[str]) -> list[FederatedCredentialStatus]:
    """The credentials on record whose deletion Azure has not confirmed, and those that are still seen."""
    known = folded(status.identity.resource_id or "") if status.identity else ""
    identities = {known, have.identity.id.key if have.identity else known}

    def stays(entry: FederatedCredentialStatus) -> bool:
        # A credential is deleted with its identity.
        confirmed = any(key in deleted or _key_of(key, entry.name) in deleted for key in identities)
        return not confirmed or have.has_credential(entry.name)

    return [entry for entry in status.federated_credentials if stays(entry)]


def undeleted_assignments(status: Status, have: Observed, deleted: Collection[str]) -> list[RoleAssignmentStatus]:
    """The role assignments on record whose deletion Azure has not confirmed, and those that are still seen. An entry without a
    name stays: its assignment may exist although its answer was lost."""
    seen = {assignment.key for assignment in have.assignments}

    def stays(entry: RoleAssignmentStatus) -> bool:
        key = f"{StorageScope.parse(entry.scope).key}/{entry.name}".lower()
        return key not in deleted or key in seen

    return [entry for entry in status.role_assignments if stays(entry)]


def identity_deleted(status: Status, have: Observed, deleted: Collection[str]) -> bool:
    """Whether Azure confirmed that the identity on record was deleted, and it is no longer seen."""
    known = status.identity
    return have.identity is None and known is not None and folded(known.resource_id or "") in deleted


def _credential_key(identity: Identity, credential: Credential) -> str:
    return _key_of(identity.id.key, credential.name)


def _key_of(identity: str, credential: str) -> str:
    return f"{identity}/{credential.lower()}"


def left_behind(resource: Resource, goal: Goal, have: Observed, deleted: Collection[str]) -> Iterator[str]:
    """A sentence for each object on record that stays when the resource is let go, and why. `have` is the last observation."""
    known, identity = resource.status.identity, have.identity
    recorded_ours = known is not None and known.origin is Origin.CREATED
    if Link.IDENTITY in goal.desired.unmanaged:
        yield from _left_as_observed(resource, goal, recorded_ours)
    elif identity is not None and goal.owns(identity):
        for sentence in another_cluster(goal, have):
            yield f"Managed identity {identity.name} and its roles stay. {sentence}"
    elif identity is not None and recorded_ours:
        tags = ", ".join(f"{tag}={identity.tags[tag]}" for tag in OWNER_TAGS if tag in identity.tags)
        yield (
            f"Managed identity {identity.name} stays: the status says that this resource created it, but its tags "
            f"{f'are {tags}' if tags else 'do not say so'}. Find out whose it is before you delete it."
        )
    elif identity is None and known is not None and recorded_ours and _undeleted(known, deleted):
        yield (
            f"The status says that this resource created managed identity {known.resource_id}. It was not found there, and "
            "nothing of that name was deleted."
        )
    if Link.ROLES in goal.desired.unmanaged:
        for assignment in _assignments(resource, goal):
            yield (
                f"Role assignment {assignment.name} at {assignment.scope.words} stays, though this resource created it: "
                "roleAssignments.management is Observe."
            )
    recorded = {("Secret", name) for name in resource.status.secret_names}
    recorded.add(("ConfigMap", resource.status.values_config_map or ""))
    for key in sorted(recorded & have.objects.keys()):
        found = have.objects[key]
        applied = naming.field_manager(goal.owner.name) in found.managers
        if applied and handed_to(found.annotations) is None and not goal.created(found):
            yield (
                f"{words(found.kind).capitalize()} {found.name} stays: it has neither label nor annotation of the "
                "resource that created it."
            )


def _left_as_observed(resource: Resource, goal: Goal, created: bool) -> Iterator[str]:
    """A sentence about what this resource created before it only observed its identity."""
    known = resource.status.identity
    if known is not None and created:
        yield (
            f"Managed identity {known.resource_id} stays with its federated credentials, though this resource created it: "
            "identity.management is Observe."
        )
        return
    for credential in _credentials(resource, goal):
        yield (
            f"Federated credential {credential.name} stays, though this resource created it: identity.management is Observe."
        )
