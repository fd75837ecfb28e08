"""From the goal and what was observed to the changes between them. Pure, and the only place that decides on a write."""

from collections.abc import Collection, Iterator

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.spec import MAX_SERVICE_ACCOUNTS
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.access_keys import handover_obstacle
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
    CreateContainer,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    DeleteObject,
    ForgetApplied,
    PutAssignment,
    PutCredential,
    PutIdentity,
    ReleaseObject,
)
from gitlab_azure_identity.domain.content import marks
from gitlab_azure_identity.domain.desired import Credential, Grant, WantedObject, WantedServiceAccount
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.handover import handover
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observation, Observed
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR


def plan(goal: Goal, have: Observed) -> tuple[Change, ...]:
    """The changes that turn `have` into what `goal` says. Their order is safe to stop after any of them.

    A link that somebody else manages has no changes.

    Nothing is removed for a resource that is kept while its identity is not seen. Azure's reads lag behind its writes, so the
    identity may well exist. Only its principal says whose the role assignments are, and the plan after the PUT knows it."""
    unmanaged = goal.desired.unmanaged
    changes = [change for rule in RULES for change in rule(goal, have) if change.link not in unmanaged]
    return tuple(sorted(changes, key=lambda change: change.stage))


def plan_without(unseen: Collection[Link], goal: Goal, have: Observed) -> list[Change]:
    """The plan without the changes of links that could not be seen. What could not be seen may be as it should be."""
    return [change for change in plan(goal, have) if change.link not in unseen]


def existed(status: Status, blob_host: str) -> frozenset[str]:
    """The containers of the account with this blob endpoint that were seen to exist, by the record."""
    if status.storage is None or status.storage.blob_endpoint != f"https://{blob_host}/":
        return frozenset()
    return frozenset(entry.name for entry in status.containers if entry.existed)


def plan_containers(goal: Goal, absent: Collection[str], status: Status) -> tuple[CreateContainer, ...]:
    """The containers to create, of those that an attempt at access found to be missing. One that existed before was deleted by
    somebody. Soft delete may keep it, and it can be restored only while no other has its name (Microsoft Learn, "Soft delete
    for containers")."""
    storage = goal.desired.storage
    wanted = storage.created.intersection(absent) - existed(status, storage.blob_host)
    return tuple(
        CreateContainer(storage.blob_host, name, storage.account)
        for name in storage.containers.values()
        if goal.mode is Mode.RECONCILE and name in wanted
    )


def _identity(goal: Goal, have: Observed) -> Iterator[Change]:
    want, identity = goal.desired.identity, have.identity
    if goal.mode is Mode.FINALIZE:
        if identity and goal.owns(identity) and not goal.of_another_cluster(have):
            yield DeleteIdentity(identity)
    elif identity is None:
        if goal.may_create:
            yield PutIdentity(want, {**want.tags, **goal.owner.tags})
    elif goal.owns(identity):
        present = {(naming.tag_key(key), value) for key, value in identity.tags.items()}
        missing = tuple(key for key, value in want.tags.items() if (naming.tag_key(key), value) not in present)
        if missing:
            wanted = {naming.tag_key(key) for key in missing}
            kept = {key: value for key, value in identity.tags.items() if naming.tag_key(key) not in wanted}
            yield PutIdentity(want, kept | {key: want.tags[key] for key in missing}, missing)


def _credentials(goal: Goal, have: Observed) -> Iterator[Change]:
    identity = have.identity
    if identity is None:
        return  # the next plan, with the identity, has them
    names = {credential.name for credential in goal.credentials}
    former_too = goal.settled or not _fits(goal, have)
    removed = [
        credential
        for credential in have.credentials
        if credential.name not in names
        and goal.owns_credential(credential)
        and (former_too or credential.issuer == goal.desired.issuer)
    ]
    for credential in removed:
        yield DeleteCredential(identity, credential)
    if not goal.may_use(have):
        return
    for credential in goal.credentials:
        if not _federated(credential, have) and conflicting_credential(credential, have) is None and _fits(goal, have):
            yield PutCredential(identity, credential)


def _federated(credential: Credential, have: Observed) -> bool:
    """Whether the tokens are trusted already, by our credential or by one that somebody created by hand."""
    return any(
        (present.issuer, present.subject, present.audience)
        == (credential.issuer, credential.subject, credential.audience)
        for present in have.credentials
    )


def conflicting_credential(credential: Credential, have: Observed) -> Credential | None:
    """A credential of another name with the same issuer and subject. Azure allows one such pair for each identity."""
    return next(
        (
            present
            for present in have.credentials
            if present.name != credential.name
            and (present.issuer, present.subject) == (credential.issuer, credential.subject)
            and present.audience != credential.audience
        ),
        None,
    )


def missing_credentials(goal: Goal, have: Observed) -> tuple[Credential, ...]:
    return tuple(c for c in goal.credentials if not _federated(c, have))


def _fits(goal: Goal, have: Observed) -> bool:
    """Whether all missing credentials still fit. Azure allows 20 for each identity, and only the whole set is of use."""
    present = {credential.name for credential in have.credentials}
    return len(present | {credential.name for credential in missing_credentials(goal, have)}) <= MAX_SERVICE_ACCOUNTS


def _assignments(goal: Goal, have: Observed) -> Iterator[Change]:
    identity = have.identity
    if identity is None and goal.mode is Mode.RECONCILE:
        return
    principal = identity.principal_id if identity else None
    # Two clusters of one name give their assignments the same description. An identity that stays for the other keeps its roles.
    shared = goal.mode is Mode.FINALIZE and goal.of_another_cluster(have) is not None
    former = former_assignments(goal, have)
    for assignment in have.assignments:
        wanted = assignment.principal_id == principal and (shared or is_wanted(goal, assignment))
        if goal.owns_assignment(assignment) and not wanted and assignment not in former:
            yield DeleteAssignment(assignment)
    if identity is None or not goal.may_use(have):
        return
    for grant in missing_grants(goal, have):
        name = naming.role_assignment_name(grant.scope, identity.principal_id, grant.role)
        yield PutAssignment(name, grant, identity.principal_id, goal.owner.description)


def former_assignments(goal: Goal, have: Observed) -> tuple[Assignment, ...]:
    """Our assignments that are no longer wanted, and that stay until those that replace them are known to work."""
    principal = have.identity.principal_id if have.identity else None
    return tuple(
        assignment
        for assignment in have.assignments
        if goal.owns_assignment(assignment)
        and assignment.principal_id == principal
        and not is_wanted(goal, assignment)
        and _still_needed(goal, have, assignment)
    )


def is_wanted(goal: Goal, assignment: Assignment) -> bool:
    return any(answers(grant, assignment) for grant in goal.grants)


def _still_needed(goal: Goal, have: Observed, assignment: Assignment) -> bool:
    """Whether GitLab may still work by an assignment that is no longer wanted.

    While it exists, a proof of access may have succeeded by it alone. So it is only removed when an earlier pass proved access,
    and when everything that it gives GitLab is also given by assignments that Azure knows everywhere by now. One with a condition
    may give less than its role."""
    if goal.mode is Mode.FINALIZE:
        return False
    if not goal.settled:
        return True
    given = _gives(goal, assignment.role_guid, assignment.scope)
    elsewhere: set[str] = set()
    for other in have.assignments:
        known = other.created_on is None or other.created_on <= goal.spread_by
        replaces = other.principal_id == assignment.principal_id and is_wanted(goal, other) and not other.condition
        if known and replaces:
            elsewhere |= _gives(goal, other.role_guid, other.scope)
    return not given <= elsewhere


def _gives(goal: Goal, role_guid: str, scope: StorageScope) -> set[str]:
    """What a role at a scope gives GitLab, of all that it needs: the use of each container, and signing at the account. Each is
    named by the key of its ARM id."""
    account = goal.desired.storage.scope
    containers = {account.at(name).key for name in goal.desired.storage.containers.values()}
    contributes = role_guid == STORAGE_BLOB_DATA_CONTRIBUTOR.guid
    if scope.same_as(account):
        return {account.key} | (containers if contributes else set())
    return {scope.key} & containers if contributes else set()


def missing_grants(goal: Goal, have: Observed) -> tuple[Grant, ...]:
    """The grants that no assignment answers. An existing assignment answers a grant, whoever created it."""
    principal = have.identity.principal_id if have.identity else None
    existing = [assignment for assignment in have.assignments if assignment.principal_id == principal]
    return tuple(grant for grant in goal.grants if not any(answers(grant, assignment) for assignment in existing))


def lacks_roles(goal: Goal, have: Observed) -> bool:
    """Whether roles that somebody else assigns were not found."""
    return Link.ROLES in goal.desired.unmanaged and bool(missing_grants(goal, have))


def nothing_to_grant(goal: Goal, observation: Observation) -> Failure | None:
    """Why there is no storage account to grant access to. A wanted assignment that exists shows that there is one."""
    return observation.no_account if len(missing_grants(goal, observation.have)) == len(goal.grants) else None


def answers(grant: Grant, assignment: Assignment) -> bool:
    return assignment.role_guid == grant.role.guid and grant.scope.same_as(assignment.scope)


def _service_accounts(goal: Goal, have: Observed) -> Iterator[Change]:
    identity = have.identity
    if identity is None or not goal.may_use(have):
        return
    for account in goal.service_accounts:
        found = have.objects.get(("ServiceAccount", account.name))
        if account.managed:
            if found is None or (goal.may_write(found) and not _in_order(goal, found, identity)):
                yield _apply_account(goal, account, identity, found)
        elif found and (not found.names(identity) or goal.created(found)):
            # This also removes the label of an account that was ours: an apply removes the fields that it no longer contains.
            yield _apply_account(goal, account, identity, found)


def _in_order(goal: Goal, found: ClusterObject, identity: Identity) -> bool:
    return found.names(identity) and found.automount is False and not goal.unlabelled(found)


def _apply_account(
    goal: Goal, account: WantedServiceAccount, identity: Identity, found: ClusterObject | None
) -> ApplyServiceAccount:
    labels = goal.labels_for(found) if account.managed else {}
    return ApplyServiceAccount(
        account.name, identity.annotations, account.managed, found.uid if found else None, labels
    )


def _objects(goal: Goal, have: Observed) -> Iterator[Change]:
    if not goal.may_use(have):
        return
    for wanted in goal.objects:
        found = have.objects.get((wanted.kind, wanted.name))
        if found is None or goal.may_write(found):
            yield from _object(goal, have, wanted, found)


def _object(goal: Goal, have: Observed, wanted: WantedObject, found: ClusterObject | None) -> Iterator[Change]:
    if handover_obstacle(goal, have, wanted, found) is not None:
        return
    kept = handover(goal, wanted, found)
    wanted = kept.wanted
    differing = _differing(wanted, found)
    if differing or found is None or goal.unlabelled(found):
        uid, version = (found.uid, found.resource_version) if found else (None, None)
        content, changes = marks(wanted, found, settled=goal.settled)
        yield ApplyObject(
            wanted.kind,
            wanted.name,
            wanted.data,
            goal.labels_for(found),
            uid,
            differing,
            content,
            changes,
            kept.dropped,
            version if kept.kept else None,
        )
    elif kept.copied:
        yield ForgetApplied(found)


def _differing(wanted: WantedObject, found: ClusterObject | None) -> tuple[str, ...]:
    """The keys that are missing or have another text, and those that we applied before and that are no longer wanted."""
    if found is None:
        return tuple(wanted.data)
    wrong = [key for key, text in wanted.data.items() if found.data.get(key) != text]
    return (*wrong, *sorted(found.applied_keys - wanted.data.keys()))


def _retired(goal: Goal, have: Observed) -> Iterator[Change]:
    """Objects that were ours and are no longer wanted. Those that we created are deleted; others lose only our marks."""
    if have.identity is None and goal.mode is Mode.RECONCILE:
        return
    wanted = {(wanted.kind, wanted.name) for wanted in goal.objects}
    wanted |= {("ServiceAccount", account.name) for account in goal.service_accounts}
    for key, found in have.objects.items():
        if key in wanted:
            continue
        if goal.owns_object(found):
            yield DeleteObject(found)
        elif goal.has_marks_on(found):
            yield ReleaseObject(found)


RULES = (_identity, _credentials, _assignments, _service_accounts, _objects, _retired)
