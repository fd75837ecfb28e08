"""The one place where a status is made. Pure, so that its invariants can be tested over every input."""

from collections.abc import Collection, Sequence
from datetime import datetime

from gitlab_azure_identity.api.conditions import (
    CREDENTIALS_FEDERATED,
    LINKS,
    READY,
    RECONCILING,
    ROLES_ASSIGNED,
    SECRETS_WRITTEN,
    SERVICE_ACCOUNTS_ANNOTATED,
    STALLED,
)
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import (
    ContainerStatus,
    FederatedCredentialStatus,
    IdentityStatus,
    Origin,
    RoleAssignmentStatus,
    SecretsStatus,
    ServiceAccountStatus,
    Status,
)
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.naming import STORAGE_ROLES, account_of, same_arm_id
from gitlab_azure_identity.domain.observed import Assignment, Observed
from gitlab_azure_identity.reconcile.verdict import Truth, as_condition, conditions

_ROLES = {role.guid: role.name for role in STORAGE_ROLES}


def judged(resource: Resource, findings: Sequence[Finding], now: datetime) -> Status:
    """The status when there is nothing new to say but conditions: what was recorded before stays."""
    return resource.status.model_copy(
        update={
            "observed_generation": resource.generation,
            "last_handled_reconcile_at": resource.requested_at,
            "conditions": conditions(resource, findings, now),
        }
    )


def begun(resource: Resource, goal: Goal, now: datetime) -> Status:
    """The status before the first write: what is about to be made is recorded, so that a pass that is killed half-way
    leaves nothing that nobody knows of."""
    findings = [Finding(link, "Unknown", "Progressing", "Being worked on.", Outlook.WAITING) for link in LINKS]
    before, desired = resource.status, goal.desired
    identity = before.identity
    if identity is None or identity.principal_id is None:  # it is only about to be made
        identity = IdentityStatus(name=desired.identity.name, resource_id=desired.identity.resource_id)
    scopes = {(entry.role, entry.scope.lower()) for entry in before.role_assignments}
    planned = [
        RoleAssignmentStatus(name="", role=grant.role.name, scope=grant.scope)
        for grant in desired.grants
        if (grant.role.name, grant.scope.lower()) not in scopes
    ]
    accounts = {entry.name: entry for entry in before.service_accounts} | {e.name: e for e in _accounts(desired)}
    return judged(resource, findings, now).model_copy(
        update={
            "last_handled_reconcile_at": before.last_handled_reconcile_at,  # answered when the pass is through
            "identity": identity,
            "issuer": desired.issuer,
            "former_issuers": list(goal.former_issuers),
            "role_assignments": [*before.role_assignments, *planned],
            "service_accounts": list(accounts.values()),
            "secrets": _secrets(desired),
            "retired_secrets": _retired(before, desired),
            "values_config_map": desired.values_config_map,
            "containers": [
                ContainerStatus(name=name, purpose=purpose, state="Unverified")
                for purpose, name in desired.storage.containers.items()
            ],
        }
    )


def summarize(
    resource: Resource,
    goal: Goal,
    have: Observed,
    findings: Sequence[Finding],
    containers: Sequence[ContainerStatus],
    unseen: Collection[str],
    now: datetime,
) -> Status:
    """The status after a pass: what stands now, and what is still to be taken away. Of links that could not be seen, the
    record stays as it was: what it forgets, nobody looks for again. `unseen` names them by condition, and storage accounts of
    before by their folded id."""
    before, desired, identity = resource.status, goal.desired, have.identity
    known = IdentityStatus(name=desired.identity.name, resource_id=desired.identity.resource_id)
    if identity is not None:
        known = IdentityStatus(
            name=identity.name,
            resource_id=identity.resource_id,
            client_id=identity.client_id,
            principal_id=identity.principal_id,
            tenant_id=identity.tenant_id,
            origin=Origin.CREATED if goal.owns(identity) else Origin.ADOPTED,
        )
    lingering = [
        ServiceAccountStatus(name=name, management="Retiring")
        for kind, name in have.objects
        if kind == "ServiceAccount"
        and name not in {account.name for account in desired.service_accounts}
        and _still_ours(goal, have, kind, name)
    ]
    retired = _retired(before, desired)
    if SECRETS_WRITTEN not in unseen:
        retired = [name for name in retired if _still_ours(goal, have, "Secret", name)]
    accounts = [*_accounts(desired), *lingering]
    if SERVICE_ACCOUNTS_ANNOTATED in unseen:
        accounts = list(({e.name: e for e in before.service_accounts} | {e.name: e for e in accounts}).values())
    lingering_issuers = {credential.issuer for credential in have.credentials if goal.owns_credential(credential)}
    assignments = before.role_assignments
    if ROLES_ASSIGNED not in unseen:
        kept = [entry for entry in assignments if account_of(entry.scope).lower() in unseen]
        assignments = _assignments(goal, have) + kept
    return judged(resource, findings, now).model_copy(
        update={
            "identity": known,
            "issuer": desired.issuer,
            "former_issuers": [
                issuer
                for issuer in goal.former_issuers
                if CREDENTIALS_FEDERATED in unseen or issuer in lingering_issuers
            ],
            "federated_credentials": [
                FederatedCredentialStatus(name=present.name, subject=present.subject)
                for present in have.credentials
                if present.subject in {credential.subject for credential in desired.credentials}
                and present.issuer == desired.issuer
            ],
            "role_assignments": assignments,
            "service_accounts": accounts,
            "secrets": _secrets(desired),
            "retired_secrets": retired,
            "values_config_map": desired.values_config_map,
            "containers": list(containers),
        }
    )


def suspended(resource: Resource, now: datetime) -> Status:
    """The status under spec.suspend: everything stays as it was last seen, and Ready says why nothing moves."""
    message = (
        "spec.suspend is true: nothing is looked at or changed, and the other conditions are as they were last seen."
    )
    frozen = [c for c in resource.status.conditions if c.type not in (READY, RECONCILING, STALLED)]
    kept = [condition.model_copy(update={"observed_generation": resource.generation}) for condition in frozen]
    return resource.status.model_copy(
        update={
            "observed_generation": resource.generation,
            "conditions": [as_condition(resource, READY, "False", "Suspended", message, now), *kept],
        }
    )


def deletion_waits(resource: Resource, failure: Failure, now: datetime) -> Status:
    """The status while a deletion cannot go on: by itself before long, or not without a person."""
    links = [c for c in resource.status.conditions if c.type not in (READY, RECONCILING, STALLED)]
    kept = [condition.model_copy(update={"observed_generation": resource.generation}) for condition in links]
    stalled = failure.outlook is Outlook.STALLED
    reason = "DeletionBlocked" if stalled else failure.reason
    kind = STALLED if stalled else RECONCILING
    truth: Truth = "False" if stalled else "Unknown"
    return resource.status.model_copy(
        update={
            "observed_generation": resource.generation,
            "conditions": [
                as_condition(resource, READY, truth, reason, failure.message, now),
                as_condition(resource, kind, "True", reason, failure.message, now),
                *kept,
            ],
        }
    )


def _accounts(desired: Desired) -> list[ServiceAccountStatus]:
    return [
        ServiceAccountStatus(name=account.name, management="Manage" if account.managed else "Annotate")
        for account in desired.service_accounts
    ]


def _secrets(desired: Desired) -> SecretsStatus:
    names = desired.secret_names
    return SecretsStatus(
        registry=names.get("registry"), object_storage=names.get("objectStorage"), backups=names.get("backups")
    )


def _retired(before: Status, desired: Desired) -> list[str]:
    """Secrets recorded earlier that are wanted no longer, each once, in a stable order."""
    return sorted(set(before.secret_names) - set(desired.secret_names.values()))


def _still_ours(goal: Goal, have: Observed, kind: str, name: str) -> bool:
    found = have.objects.get((kind, name))
    return found is not None and goal.holds(found)


def _assignments(goal: Goal, have: Observed) -> list[RoleAssignmentStatus]:
    """What answers a grant, what is ours besides, and each grant that nothing answers yet."""
    answered: list[Assignment] = []
    pending: list[RoleAssignmentStatus] = []
    for grant in goal.grants:
        standing = [
            a
            for a in have.assignments
            if a.role_guid == grant.role.guid
            and same_arm_id(a.scope, grant.scope)
            and have.identity is not None
            and a.principal_id == have.identity.principal_id
        ]
        answered += standing[:1]
        if not standing:
            pending.append(RoleAssignmentStatus(name="", role=grant.role.name, scope=grant.scope))
    ours = [a for a in have.assignments if goal.owns_assignment(a) and a not in answered]
    told = [
        RoleAssignmentStatus(
            name=a.name, role=_ROLES.get(a.role_guid, a.role_guid), scope=a.scope, principal_id=a.principal_id
        )
        for a in answered + ours
    ]
    return told + pending
