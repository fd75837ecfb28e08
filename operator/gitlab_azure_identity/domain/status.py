"""The one place that makes a status, but for that of a deletion (`deletion_status`). It is pure, so tests hold the invariants of
statuses over generated inputs."""

from collections.abc import Sequence
from datetime import datetime

from gitlab_azure_identity.api.conditions import CHAIN, READY, RECONCILING, STALLED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import (
    Condition,
    ContainerStatus,
    FederatedCredentialStatus,
    IdentityStatus,
    LingeringStatus,
    MissingStatus,
    Origin,
    RoleAssignmentStatus,
    SecretsStatus,
    ServiceAccountStatus,
    Status,
    StorageStatus,
    WorkloadStatus,
)
from gitlab_azure_identity.domain.arm_ids import StorageScope, folded
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.missing import Missing, missing, missing_containers
from gitlab_azure_identity.domain.observed import Assignment, Identity, Observation, Observed
from gitlab_azure_identity.domain.plan import answers, existed
from gitlab_azure_identity.domain.readiness import as_condition, conditions
from gitlab_azure_identity.domain.roles import STORAGE_ROLES
from gitlab_azure_identity.domain.storage_account import StorageAccount


def with_conditions(resource: Resource, findings: Sequence[Finding], now: datetime) -> Status:
    """The status with new conditions and an unchanged record."""
    return resource.status.model_copy(
        update={
            "observed_generation": resource.generation,
            "last_handled_reconcile_at": resource.requested_at,
            "conditions": conditions(resource, findings, now),
        }
    )


def without_use(resource: Resource, goal: Goal, have: Observed, findings: Sequence[Finding], now: datetime) -> Status:
    """The status after a pass whose identity does not exist or must not be used. Such an identity is not recorded."""
    return with_conditions(resource, findings, now).model_copy(update={"missing": _missing(missing(goal, have))})


def before_writing(resource: Resource, goal: Goal, now: datetime) -> Status:
    """The status before the first write. It records what is about to be created. So a pass that is killed half-way leaves nothing
    that is not on record."""
    working = Failure(Reason.PROGRESSING, "Being worked on.", Outlook.WAITING)
    findings = [failed(link, working) for link in CHAIN]
    before, desired = resource.status, goal.desired
    identity = before.identity
    if identity is None or identity.principal_id is None:  # it does not exist yet
        identity = IdentityStatus(name=desired.identity.name, resource_id=str(desired.identity.id))
    recorded = {(entry.role, folded(entry.scope)) for entry in before.role_assignments}
    planned = [
        RoleAssignmentStatus(name="", role=grant.role.name, scope=str(grant.scope))
        for grant in desired.grants
        if Link.ROLES not in desired.unmanaged and (grant.role.name, grant.scope.key) not in recorded
    ]
    accounts = {entry.name: entry for entry in before.service_accounts} | {e.name: e for e in _accounts(desired)}
    return with_conditions(resource, findings, now).model_copy(
        update={
            "last_handled_reconcile_at": before.last_handled_reconcile_at,  # answered at the end of the pass
            "identity": identity,
            "issuer": desired.issuer,
            "former_issuers": list(goal.former_issuers),
            "role_assignments": [*before.role_assignments, *planned],
            "service_accounts": list(accounts.values()),
            "secrets": _secrets(desired),
            "retired_secrets": _retired(before, desired),
            "values_config_map": desired.values_config_map,
            "containers": _with_past(
                before,
                desired,
                [
                    ContainerStatus(name=name, purpose=purpose, state=Reason.UNVERIFIED)
                    for purpose, name in desired.storage.containers.items()
                ],
            ),
        }
    )


def with_workloads(resource: Resource, finding: Finding, lines: Sequence[WorkloadStatus], now: datetime) -> Status:
    """The status with another judgement of GitLab's pods. Everything else stays as the last pass wrote it."""
    judged = as_condition(resource, finding.link, finding.status, finding.reason, finding.message, now)
    known = resource.status.conditions
    judged = judged.model_copy(update={"observed_generation": resource.status.observed_generation})
    kept = [judged if condition.type == judged.type else condition for condition in known]
    if judged not in kept:
        kept.append(judged)
    return resource.status.model_copy(update={"conditions": kept, "workloads": list(lines)})


def records_the_same(status: Status, known: Status) -> bool:
    """Whether two statuses are equal but for their conditions and the states of containers."""
    return status.model_copy(update={"conditions": known.conditions, "containers": known.containers}) == known


def after_pass(
    resource: Resource,
    goal: Goal,
    have: Observed,
    findings: Sequence[Finding],
    containers: Sequence[ContainerStatus],
    observation: Observation,
    now: datetime,
    lingering: Sequence[LingeringStatus] = (),
    workloads: Sequence[WorkloadStatus] = (),
) -> Status:
    """The status after a pass: what exists now, and what is still to be removed.

    The record stays as it was for links that could not be seen, and for former storage accounts that could not be read. An object
    that is not on record would never be looked for again."""
    unseen, former = observation.unseen, observation.former
    before, desired, identity = resource.status, goal.desired, have.identity
    known = IdentityStatus(name=desired.identity.name, resource_id=str(desired.identity.id))
    if identity is not None:
        known = IdentityStatus(
            name=identity.name,
            resource_id=identity.resource_id,
            client_id=identity.client_id,
            principal_id=identity.principal_id,
            tenant_id=identity.tenant_id,
            origin=_origin(goal, identity),
        )
    retiring = [
        ServiceAccountStatus(name=name, management="Retiring")
        for kind, name in have.objects
        if kind == "ServiceAccount"
        and name not in {account.name for account in desired.service_accounts}
        and _still_ours(goal, have, kind, name)
    ]
    retired = _retired(before, desired)
    if Link.SECRETS not in unseen:
        retired = [name for name in retired if _still_ours(goal, have, "Secret", name)]
    accounts = [*_accounts(desired), *retiring]
    if Link.SERVICE_ACCOUNTS in unseen:
        accounts = list(({e.name: e for e in before.service_accounts} | {e.name: e for e in accounts}).values())
    absent = [one.name for one in containers if one.state == Reason.CONTAINER_NOT_FOUND]
    lingering_issuers = {credential.issuer for credential in have.credentials if goal.owns_credential(credential)}
    assignments = before.role_assignments
    if Link.ROLES not in unseen:
        kept = [entry for entry in assignments if StorageScope.parse(entry.scope).whole_account.key in former]
        assignments = _assignments(goal, have) + kept
    return with_conditions(resource, findings, now).model_copy(
        update={
            "identity": known,
            "issuer": desired.issuer,
            "former_issuers": [
                issuer for issuer in goal.former_issuers if Link.CREDENTIALS in unseen or issuer in lingering_issuers
            ],
            "federated_credentials": [
                FederatedCredentialStatus(name=present.name, subject=present.subject)
                for present in have.credentials
                if present.subject in {credential.subject for credential in desired.credentials}
                and present.issuer == desired.issuer
            ],
            "role_assignments": assignments,
            "service_accounts": accounts,
            "storage": _storage(before, desired, observation.account),
            "secrets": _secrets(desired),
            "retired_secrets": retired,
            "values_config_map": desired.values_config_map,
            "containers": _with_past(before, desired, containers),
            "missing": [
                *_missing(
                    missing(goal, have, [*unseen, *(one.link for one in findings if one.outlook is Outlook.GOOD)])
                ),
                *_missing(missing_containers(goal, absent)),
            ],
            "lingering": list(lingering),
            "workloads": list(workloads),
        }
    )


def suspended(resource: Resource, now: datetime) -> Status:
    """The status under spec.suspend: everything stays as it was last seen, and Ready says why nothing is done."""
    message = (
        "spec.suspend is true: nothing is looked at or changed, and the other conditions are as they were last seen."
    )
    return resource.status.model_copy(
        update={
            "observed_generation": resource.generation,
            "conditions": [
                as_condition(resource, READY, "False", Reason.SUSPENDED, message, now),
                *links_as_seen(resource),
            ],
        }
    )


def links_as_seen(resource: Resource) -> list[Condition]:
    """The conditions of the links as they were last seen, for this generation."""
    seen = [
        condition for condition in resource.status.conditions if condition.type not in (READY, RECONCILING, STALLED)
    ]
    return [condition.model_copy(update={"observed_generation": resource.generation}) for condition in seen]


def _origin(goal: Goal, identity: Identity) -> Origin:
    """An identity that we created stays ours by its tags, also while it is only observed."""
    if goal.owns(identity):
        return Origin.CREATED
    return Origin.OBSERVED if Link.IDENTITY in goal.desired.unmanaged else Origin.ADOPTED


def _with_past(before: Status, desired: Desired, containers: Sequence[ContainerStatus]) -> list[ContainerStatus]:
    """The containers, and for each whether it was seen to exist, now or before."""
    known = existed(before, desired.storage.blob_host)
    return [
        one.model_copy(update={"existed": True if one.name in known or one.state == Reason.VERIFIED else None})
        for one in containers
    ]


def _missing(lacking: Sequence[Missing]) -> list[MissingStatus]:
    return [
        MissingStatus(kind=one.kind, name=one.name, azure_cli=one.azure_cli, terraform=one.terraform) for one in lacking
    ]


def _accounts(desired: Desired) -> list[ServiceAccountStatus]:
    return [
        ServiceAccountStatus(name=account.name, management="Manage" if account.managed else "Annotate")
        for account in desired.service_accounts
    ]


def _storage(before: Status, desired: Desired, account: StorageAccount | None) -> StorageStatus:
    """What is known of the storage account. It stays as it was when Azure did not describe the account this time."""
    endpoint = f"https://{desired.storage.blob_host}/"
    if account is not None:
        access = "Enabled" if account.shared_keys else "Disabled"
        return StorageStatus(blob_endpoint=endpoint, shared_key_access=access)
    known = before.storage if before.storage and before.storage.blob_endpoint == endpoint else None
    return known or StorageStatus(blob_endpoint=endpoint)


def _secrets(desired: Desired) -> SecretsStatus:
    names = desired.secret_names
    return SecretsStatus(
        registry=names.get("registry"), object_storage=names.get("objectStorage"), backups=names.get("backups")
    )


def _retired(before: Status, desired: Desired) -> list[str]:
    """The recorded secrets that are no longer wanted, each once and sorted."""
    return sorted(set(before.secret_names) - set(desired.secret_names.values()))


def _still_ours(goal: Goal, have: Observed, kind: str, name: str) -> bool:
    found = have.objects.get((kind, name))
    return found is not None and goal.has_marks_on(found)


def _assignments(goal: Goal, have: Observed) -> list[RoleAssignmentStatus]:
    """The assignments that answer a grant, our other assignments, and the grants that no assignment answers yet."""
    answered: list[Assignment] = []
    pending: list[RoleAssignmentStatus] = []
    principal = have.identity.principal_id if have.identity else None
    for grant in goal.grants:
        existing = [a for a in have.assignments if a.principal_id == principal and answers(grant, a)]
        answered += existing[:1]
        if not existing and Link.ROLES not in goal.desired.unmanaged:
            pending.append(RoleAssignmentStatus(name="", role=grant.role.name, scope=str(grant.scope)))
    ours = [a for a in have.assignments if goal.owns_assignment(a) and a not in answered]
    return [_recorded(assignment) for assignment in answered + ours] + pending


def _recorded(assignment: Assignment) -> RoleAssignmentStatus:
    names = {role.guid: role.name for role in STORAGE_ROLES}
    return RoleAssignmentStatus(
        name=assignment.name,
        role=names.get(assignment.role_guid, assignment.role_guid),
        scope=str(assignment.scope),
        principal_id=assignment.principal_id,
    )
