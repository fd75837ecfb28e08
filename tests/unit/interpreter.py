"""What Azure and the API server make of a change: the world after it. Written from their documentation, without any decision."""

from __future__ import annotations

from dataclasses import replace

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION, CREATED_BY_ANNOTATION
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    DeleteObject,
    PutAssignment,
    PutCredential,
    PutIdentity,
    ReleaseObject,
)
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner

from .worlds import MANAGER

LIMIT = 20
NEW_PRINCIPAL = "aaaaaaaa-0000-4000-8000-00000000ffff"


class RefusedError(Exception):
    """Azure or the API server would not do that."""


def after(  # noqa: C901, PLR0911 - one flat case a change
    change: Change, have: Observed, owner: Owner
) -> Observed:
    """The world after one change.

    Raises RefusedError for what Azure refuses: a 21st credential, a second one for the same issuer and subject, a
    second assignment of one role at one scope."""
    match change:
        case PutIdentity():
            return replace(have, identity=_identity(change, have.identity))
        case PutCredential():
            return _with_credential(change, have)
        case PutAssignment():
            return _with_assignment(change, have)
        case ApplyServiceAccount():
            return have.with_object(_applied_account(change, have.objects.get(("ServiceAccount", change.name)), owner))
        case ApplyObject():
            found = have.objects.get((change.kind, change.name))
            blank = ClusterObject(change.kind, change.name, "uid-new", "1", {}, {})
            before = found or blank
            return have.with_object(
                replace(
                    before,
                    labels={**before.labels, **change.labels},
                    annotations={**before.annotations, **(owner.annotations if change.labels else {})},
                    data={k: v for k, v in before.data.items() if k not in before.applied_keys} | dict(change.data),
                    managers=before.managers | {MANAGER},
                    applied_keys=frozenset(change.data),
                )
            )
        case DeleteAssignment():
            return have.without_assignment(change.assignment)
        case DeleteCredential():
            return have.without_credential(change.credential.name)
        case DeleteIdentity():
            return replace(have, identity=None, credentials=())
        case ReleaseObject():
            return have.with_object(_released(change.found, owner))
        case DeleteObject():
            return have.without_object(*change.found.key)


def _identity(change: PutIdentity, before: Identity | None) -> Identity:
    if before is not None:
        return replace(before, tags=change.tags)
    return Identity(
        change.identity.resource_id,
        change.identity.name,
        change.identity.location,
        change.tags,
        "cccccccc-0000-4000-8000-00000000ffff",
        NEW_PRINCIPAL,
        "tenant",
    )


def _with_credential(change: PutCredential, have: Observed) -> Observed:
    put = change.credential
    others = [present for present in have.credentials if present.name != put.name]
    if len(others) >= LIMIT:
        raise RefusedError("a 21st credential")
    if any((other.issuer, other.subject) == (put.issuer, put.subject) for other in others):
        raise RefusedError("issuer and subject are taken")
    return have.with_credential(put)


def _with_assignment(change: PutAssignment, have: Observed) -> Observed:
    grant = change.grant
    same = (grant.role.guid, grant.scope.lower(), change.principal_id)
    for present in have.assignments:
        if (present.role_guid, present.scope.lower(), present.principal_id) == same and present.name != change.name:
            raise RefusedError("RoleAssignmentExists")
        if present.name == change.name and present.principal_id != change.principal_id:
            raise RefusedError("RoleAssignmentUpdateNotPermitted")
    made = Assignment(change.name, grant.role.guid, grant.scope, change.principal_id, change.description)
    return have.with_assignment(made)


def _applied_account(change: ApplyServiceAccount, found: ClusterObject | None, owner: Owner) -> ClusterObject:
    """Server-side apply: fields that we held and no longer apply go."""
    before = found or ClusterObject("ServiceAccount", change.name, "uid-new", "1", {}, {})
    labels = {key: value for key, value in before.labels.items() if (key, value) not in owner.labels.items()}
    return replace(
        before,
        labels={**labels, **change.labels},
        annotations={
            **{key: value for key, value in before.annotations.items() if key != CREATED_BY_ANNOTATION},
            **(owner.annotations if change.labels else {}),
            CLIENT_ID_ANNOTATION: change.client_id,
        },
        automount=False if change.owned else None,
        managers=before.managers | {MANAGER},
    )


def _released(found: ClusterObject, owner: Owner) -> ClusterObject:
    """Our marks go: the label, and of a service account the annotation. Others' fields stay, and what a secret says."""
    return replace(
        found,
        labels={key: value for key, value in found.labels.items() if (key, value) not in owner.labels.items()},
        annotations={
            key: value
            for key, value in found.annotations.items()
            if key not in (CLIENT_ID_ANNOTATION, CREATED_BY_ANNOTATION)
        },
        managers=found.managers - {MANAGER},
    )
