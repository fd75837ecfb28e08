"""The Kubernetes events about a resource: what is told once, when it happens, and in which words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Condition, Status
from gitlab_azure_identity.domain.assessment import Tolerance
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import ApplyObject, Change, CreateContainer, Revocation
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.gitlab.versions import defects
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import another_cluster
from gitlab_azure_identity.domain.observed import Observed


@dataclass(frozen=True)
class Event:
    """A Kubernetes event about the resource."""

    kind: Literal["Normal", "Warning"]
    reason: Reason
    message: str


def ready_event(before: Status, now: Status) -> Event | None:
    """An event when Ready or its reason changes. A suspension is what somebody asked for, so it is no warning."""
    judged = _news(before, now, READY)
    if judged is None:
        return None
    asked_for = judged.status == "True" or judged.reason == Reason.SUSPENDED
    return Event("Normal" if asked_for else "Warning", Reason.named(judged.reason), judged.message)


def workloads_event(before: Status, now: Status) -> Event | None:
    """An event when GitLab's pods lack something, or lack something else than before, and when they lack nothing any more."""
    judged = _news(before, now, Link.WORKLOADS)
    if judged is None:
        return None
    return Event("Normal" if judged.status == "True" else "Warning", Reason.named(judged.reason), judged.message)


def _news(before: Status, now: Status, kind: str) -> Condition | None:
    """A condition whose status or reason is another than before. One that is Unknown is no news."""
    was, judged = before.condition(kind), now.condition(kind)
    if judged is None or judged.status == "Unknown":
        return None
    return None if was and (was.status, was.reason) == (judged.status, judged.reason) else judged


def changes_event(done: Sequence[Change], *, drift: bool) -> Event | None:
    """An event with the changes of a pass."""
    if not done:
        return None
    written = [str(change) for change in done if not isinstance(change, Revocation)]
    removed = [str(change) for change in done if isinstance(change, Revocation)]
    parts = [f"{'Restored' if drift else 'Wrote'} {'; '.join(written)}."] if written else []
    parts += [f"Removed {'; '.join(removed)}."] if removed else []
    if drift:
        return Event("Warning", Reason.DRIFT_REPAIRED, " ".join(parts))
    return Event("Normal", Reason.APPLIED, " ".join(parts))


def containers_event(created: Sequence[CreateContainer]) -> Event:
    """An event with the containers that a pass created. A container that is new has no blobs, whatever it had before."""
    return Event("Normal", Reason.APPLIED, f"Created {'; '.join(str(change) for change in created)}.")


def client_id_event(resource: Resource, have: Observed) -> Event | None:
    """An event when the identity is not the one that GitLab's pods know, for example because somebody had deleted that one."""
    known, now = resource.status.identity, have.identity
    if not (known and known.client_id and now and known.client_id != now.client_id):
        return None
    restart = commands.RESTART.filled(namespace=resource.key.namespace, release=resource.legible.gitlab.release)
    message = (
        f"The client ID is no longer {known.client_id} but {now.client_id}. Pods learn it when they are created: restart "
        f"GitLab's, with {restart}"
    )
    return Event("Warning", Reason.CLIENT_ID_CHANGED, message)


def key_event(goal: Goal, done: Sequence[Change]) -> Event | None:
    """An event when secrets have lost their access keys. It names settings, and no values."""
    gone = [change for change in done if isinstance(change, ApplyObject) and change.dropped]
    if not gone:
        return None
    secrets = "; ".join(f"secret {one.name} no longer has {', '.join(one.dropped)}" for one in gone)
    restart = commands.RESTART.filled(namespace=goal.owner.namespace, release=goal.desired.gitlab.release)
    message = (
        f"GitLab logs in as the identity from now on: {secrets}. A pod uses the key that it started with until it is restarted: "
        f"{restart}"
    )
    return Event("Normal", Reason.ACCESS_KEY_REMOVED, message)


def pin_event(desired: Desired) -> Event | None:
    """An event when the identity stays where it is although the settings now name another place."""
    if desired.pin_differs is None:
        return None
    message = (
        f"Managed identity {desired.identity.id} stays where it was created, although the operator's settings "
        f"would now put it at {desired.pin_differs}."
    )
    return Event("Warning", Reason.IDENTITY_PINNED, message)


def cluster_event(goal: Goal, have: Observed) -> Event | None:
    """An event when another cluster has the name of this one."""
    sentences = another_cluster(goal, have)
    return Event("Warning", Reason.CLUSTER_NOT_UNIQUE, *sentences) if sentences else None


def defect_event(desired: Desired) -> Event | None:
    """An event about defects of the release of GitLab that the resource names."""
    known = defects(desired.use)
    return Event("Warning", Reason.KNOWN_DEFECT, " ".join(one.message for one in known)) if known else None


def tolerated_event(findings: Sequence[Finding], tolerance: Tolerance) -> Event | None:
    """An event for the first of several transient failures in a row, which the conditions do not report."""
    if tolerance.count != 1:
        return None
    first = next(one for one in findings if one.outlook is Outlook.TRANSIENT)
    return Event("Warning", first.reason, first.message)


def restarted_event(deployment: str, cause: str) -> Event:
    """An event with the Deployment that the operator restarted, and why."""
    return Event("Normal", Reason.RESTARTED, f"Restarted deployment/{deployment}: its pods lacked {cause}.")
