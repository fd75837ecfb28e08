"""The status of a resource while its deletion waits: what is left, and what the deletion has removed."""

from collections.abc import Mapping
from datetime import datetime

from gitlab_azure_identity.api.conditions import READY, RECONCILING, STALLED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Condition, SecretsStatus, Status
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.deletion import Left
from gitlab_azure_identity.domain.findings import Failure, Outlook, Truth
from gitlab_azure_identity.domain.lingering import still_lingering
from gitlab_azure_identity.domain.readiness import as_condition
from gitlab_azure_identity.domain.record import identity_deleted, undeleted_assignments, undeleted_credentials
from gitlab_azure_identity.domain.status import links_as_seen


def deletion_waits(resource: Resource, failure: Failure, now: datetime, left: Left | None = None) -> Status:
    """The status while a deletion cannot go on. Ready is Unknown, or False when a person must act.

    The record and the conditions say what is left. Without a look at it they stay as they were."""
    stalled = failure.outlook is Outlook.STALLED
    reason = Reason.DELETION_BLOCKED if stalled else failure.reason
    kind = STALLED if stalled else RECONCILING
    truth: Truth = "False" if stalled else "Unknown"
    before = resource.status
    known = _left_on_record(before, left) if left else before
    removed = _removed(before, known, left) if left else {}
    if removed:
        links = ", ".join(removed)
        removed[Link.ACCESS] = f"Access ends with what the deletion has removed: see {links}."
        removed[Link.WORKLOADS] = f"What GitLab's pods carry ends with what the deletion has removed: see {links}."
        states = {Reason.VERIFIED.value: Reason.UNVERIFIED.value}
        containers = [one.model_copy(update={"state": states.get(one.state, one.state)}) for one in known.containers]
        known = known.model_copy(update={"containers": containers})
    return known.model_copy(
        update={
            "observed_generation": resource.generation,
            "conditions": [
                as_condition(resource, READY, truth, reason, failure.message, now),
                as_condition(resource, kind, "True", reason, failure.message, now),
                *(_unless_removed(resource, condition, removed, now) for condition in links_as_seen(resource)),
            ],
        }
    )


def _left_on_record(before: Status, left: Left) -> Status:
    """The record without what is known to be removed. The place of the identity stays on record until the resource is let go:
    it says where to look."""
    goal, have = left.goal, left.have
    known = before.secrets or SecretsStatus()

    def stands(link: Link, kind: str, name: str | None) -> bool:
        found = have.objects.get((kind, name or ""))
        return link in left.unseen or (found is not None and (goal.may_write(found) or goal.has_marks_on(found)))

    def secret(name: str | None) -> str | None:
        return name if stands(Link.SECRETS, "Secret", name) else None

    values = before.values_config_map
    return before.model_copy(
        update={
            "federated_credentials": undeleted_credentials(before, have, left.deleted),
            "role_assignments": undeleted_assignments(before, have, left.deleted),
            "service_accounts": [
                entry
                for entry in before.service_accounts
                if stands(Link.SERVICE_ACCOUNTS, "ServiceAccount", entry.name)
            ],
            "secrets": SecretsStatus(
                registry=secret(known.registry),
                object_storage=secret(known.object_storage),
                backups=secret(known.backups),
            ),
            "retired_secrets": [name for name in before.retired_secrets if secret(name)],
            "values_config_map": values if stands(Link.SECRETS, "ConfigMap", values) else None,
            "missing": [],
            "lingering": still_lingering(before.lingering, have, left.unseen),
        }
    )


def _removed(before: Status, now: Status, left: Left) -> dict[Link, str]:
    """For each link of which something was removed: what is left of it."""
    had, has = _entries(before), _entries(now)
    told = {
        link: f"The deletion has removed a part of it. Left: {', '.join(has[link])}."
        if has[link]
        else "The deletion has removed it. Nothing is left."
        for link in had
    }
    removed = {link: told[link] for link in had if had[link] != has[link]}
    if identity_deleted(before, left.have, left.deleted):
        removed[Link.IDENTITY] = "The deletion has removed it."
    return removed


def _entries(status: Status) -> dict[Link, list[str]]:
    """Words for the entries of the record, by link."""
    values = [status.values_config_map] if status.values_config_map else []
    return {
        Link.CREDENTIALS: [f"the credential for {entry.subject}" for entry in status.federated_credentials],
        Link.ROLES: [f'"{entry.role}" at {StorageScope.parse(entry.scope).words}' for entry in status.role_assignments],
        Link.SERVICE_ACCOUNTS: [entry.name for entry in status.service_accounts],
        Link.SECRETS: [*status.secret_names, *values],
    }


def _unless_removed(resource: Resource, condition: Condition, removed: Mapping[Link, str], now: datetime) -> Condition:
    """The condition as it was last seen, or that something of its link was removed. Access that was not proven stays so, and so
    do pods that lack something."""
    message = next((message for link, message in removed.items() if link == condition.type), None)
    unproven = condition.type in (Link.ACCESS, Link.WORKLOADS) and condition.status != "True"
    if message is None or unproven:
        return condition
    return as_condition(resource, condition.type, "False", Reason.REMOVED, message, now)
