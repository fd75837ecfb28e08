"""Carry out changes. Each change is one request, and its answer updates what was observed. Nothing is decided here."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import operations
from gitlab_azure_identity.azure.errors import AzureError, classify
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
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
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import AzureWrites, KubeWrites

Fold = Callable[[Observed], Observed]
Failed = tuple[tuple[Change, Failure], ...]


async def apply(
    azure: AzureWrites, kube: KubeWrites, goal: Goal, changes: Sequence[Change], have: Observed
) -> tuple[Observed, tuple[Change, ...], Failed]:
    """Carry out the changes, stage by stage.

    After a failure the later changes of its link are not made: the old object is removed only when the new one exists. In a
    deletion, and when the identity is of no use, no later change is made at all: their order leaves no orphans.

    Returns what exists then, the changes that were made, and those that failed. It returns or raises only when every request that
    was sent has ended, so the next pass sees its effect."""
    done: list[Change] = []
    failed: list[tuple[Change, Failure]] = []
    for wave in _waves(azure, changes, have):
        broken = {change.link for change, _ in failed}
        if is_of_no_use(have, failed) or (broken and goal.mode is Mode.FINALIZE):
            break
        together = [change for change in wave if change.link not in broken]
        async with asyncio.TaskGroup() as group:
            attempts = [group.create_task(_attempt(azure, kube, goal.owner, change, have)) for change in together]
        for change, attempt in zip(together, attempts, strict=True):
            answer = attempt.result()
            if isinstance(answer, Failure):
                failed.append((change, answer))
            else:
                have = answer(have)
                done.append(change)
    return have, tuple(done), tuple(failed)


def _waves(azure: AzureWrites, changes: Sequence[Change], have: Observed) -> Iterator[list[Change]]:
    """The changes that run side by side: those of a stage. The first credential of an identity that trusts nobody comes alone,
    unless its region is known to have federated credentials. Where Azure has none nothing else is to be made."""
    for _, stage in groupby(changes, key=lambda change: change.stage):
        wave = list(stage)
        credentials = (change for change in wave if isinstance(change, PutCredential) and not have.credentials)
        first = next((one for one in credentials if not azure.credentials.offered_in(one.identity.location)), None)
        if first is not None:
            yield [first]
        yield [change for change in wave if change is not first]


def is_of_no_use(have: Observed, failed: Sequence[tuple[Change, Failure]]) -> bool:
    """Whether the identity cannot serve GitLab, after these failures: it trusts nobody, and Azure has no federated credentials in
    its region."""
    return not have.credentials and any(failure.reason is Reason.REGION_NOT_SUPPORTED for _, failure in failed)


async def _attempt(
    azure: AzureWrites, kube: KubeWrites, owner: Owner, change: Change, have: Observed
) -> Fold | Failure:
    """Make one change. Returns how it updates what was observed, or its failure."""
    try:
        return await _request(azure, kube, owner, change, have)
    except AzureError as error:
        return classify(error, operations.changing(change))
    except ClusterError as error:
        if error.field_conflict and isinstance(change, ApplyServiceAccount):
            return kube_errors.annotation_conflict(error, change, have.objects.get(("ServiceAccount", change.name)))
        return kube_errors.classify(error, f"{change.verb} {change}", owner.namespace)


async def _request(  # noqa: C901, PLR0911 - one flat case for each change
    azure: AzureWrites, kube: KubeWrites, owner: Owner, change: Change, have: Observed
) -> Fold:
    """Send the request of a change. Returns how its answer updates what was observed. Raises AzureError or ClusterError."""
    match change:
        case PutIdentity():
            location = have.identity.location if have.identity else change.identity.location
            identity = await azure.identities.put(change.identity, change.tags, location)
            return lambda observed: replace(observed, identity=identity)
        case PutCredential():
            await azure.credentials.put(change.identity.id, change.credential, change.identity.location)
            return lambda observed: observed.with_credential(change.credential)
        case PutAssignment():
            assignment = await azure.roles.put(change)
            return lambda observed: observed.with_assignment(assignment)
        case ApplyServiceAccount():
            account = await kube.objects.apply_service_account(owner, change)
            return lambda observed: observed.with_object(account)
        case ApplyObject():
            applied = await kube.objects.apply_object(owner, change)
            return lambda observed: observed.with_object(applied)
        case ForgetApplied():
            forgotten = await kube.objects.forget_applied(owner, change.found)
            return lambda observed: observed.with_object(forgotten)
        case DeleteAssignment():
            await azure.roles.delete(change.assignment)
            return lambda observed: observed.without_assignment(change.assignment)
        case DeleteCredential():
            await azure.credentials.delete(change.identity.id, change.credential.name)
            return lambda observed: observed.without_credential(change.credential.name)
        case DeleteIdentity():
            await azure.identities.delete(change.identity.id, owner)
            return lambda observed: replace(observed, identity=None, credentials=())
        case ReleaseObject():
            released = await kube.objects.release(owner, change.found)
            return lambda observed: observed.with_object(released)
        case DeleteObject():
            await kube.objects.delete(owner, change.found)
            return lambda observed: observed.without_object(*change.found.key)
