"""Carry out changes. No decision is made here: each change is one request, and what it answers becomes part of the world."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from gitlab_azure_identity.azure import errands
from gitlab_azure_identity.azure.errors import AzureError, classify
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
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import link
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.ports import Azure, Kube

Fold = Callable[[Observed], Observed]
Failed = tuple[tuple[Change, Failure], ...]


async def apply(
    azure: Azure, kube: Kube, goal: Goal, changes: Sequence[Change], have: Observed
) -> tuple[Observed, tuple[Change, ...], Failed]:
    """Make the changes, stage by stage. What failed holds back the later changes of its own link: the old is taken away only
    once the new stands. In a deletion, and where not even the identity could be made, it holds back all of them: their order is
    what leaves no orphans.

    Returns the world with what was done in it, what was done, and what failed. It returns, and raises, only when every
    request that was begun has ended: whoever comes next finds it done."""
    done: list[Change] = []
    failed: list[tuple[Change, Failure]] = []
    for _, stage in groupby(changes, key=lambda change: change.stage):
        broken = {link(change) for change, _ in failed}
        if broken and (have.identity is None or not goal.keep):
            break
        together = [change for change in stage if link(change) not in broken]
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


async def _attempt(azure: Azure, kube: Kube, owner: Owner, change: Change, have: Observed) -> Fold | Failure:
    """The change, and what its failure means."""
    try:
        return await _make(azure, kube, owner, change, have)
    except AzureError as error:
        return classify(error, errands.changing(change))
    except ClusterError as error:
        if error.field_conflict and isinstance(change, ApplyServiceAccount):
            return kube_errors.annotation_conflict(error, change, have.objects.get(("ServiceAccount", change.name)))
        return kube_errors.classify(error, kube_errors.doing(change), owner.namespace)


async def _make(  # noqa: C901, PLR0911 - one flat case a change
    azure: Azure, kube: Kube, owner: Owner, change: Change, have: Observed
) -> Fold:
    """One request, and how its answer changes the world. Raises AzureError or ClusterError."""
    match change:
        case PutIdentity():
            location = have.identity.location if have.identity else change.identity.location
            identity = await azure.identities.put(change.identity, change.tags, location)
            return lambda world: replace(world, identity=identity)
        case PutCredential():
            await azure.credentials.put(change.identity, change.credential)
            return lambda world: world.with_credential(change.credential)
        case PutAssignment():
            assignment = await azure.roles.put(change)
            return lambda world: world.with_assignment(assignment)
        case ApplyServiceAccount():
            account = await kube.objects.apply_service_account(owner, change)
            return lambda world: world.with_object(account)
        case ApplyObject():
            applied = await kube.objects.apply_object(owner, change)
            return lambda world: world.with_object(applied)
        case DeleteAssignment():
            await azure.roles.delete(change.assignment)
            return lambda world: world.without_assignment(change.assignment)
        case DeleteCredential():
            await azure.credentials.delete(change.identity, change.credential.name)
            return lambda world: world.without_credential(change.credential.name)
        case DeleteIdentity():
            await azure.identities.delete(change.identity, owner)
            return lambda world: replace(world, identity=None, credentials=())
        case ReleaseObject():
            released = await kube.objects.release(owner, change.found)
            return lambda world: world.with_object(released)
        case DeleteObject():
            await kube.objects.delete(owner, change.found)
            return lambda world: world.without_object(*change.found.key)
