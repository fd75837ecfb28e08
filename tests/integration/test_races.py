"""Objects that somebody else creates or deletes between the operator's read and its write, at a real API server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gitlab_azure_identity.domain.changes import ApplyObject, ApplyServiceAccount, Change
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.objects import Objects
from lab.running import Lab

TIMEOUT = 10.0
"""Seconds of one request."""
PATHS = {"Secret": "secrets", "ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts"}


@pytest.fixture
def owner(lab: Lab) -> Owner:
    """An owner in a namespace of its own, of which the running operator knows nothing."""
    namespace = f"race-{uuid.uuid4().hex[:8]}"
    lab.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}])
    return Owner("lab", namespace, "gitlab")


@pytest.fixture
async def objects(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Objects]:
    """The operator's own client, with an administrator's rights."""
    monkeypatch.setenv("KUBECONFIG", str(lab.places.kubeconfig))
    async with client.connect(TIMEOUT) as cluster:
        yield Objects(cluster)


def theirs(lab: Lab, owner: Owner, kind: str, **fields: Any) -> None:
    """Somebody else creates the object."""
    metadata = {"name": "one", "namespace": owner.namespace, "labels": {"theirs": "yes"}}
    lab.apply([{"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}])


def stands(lab: Lab, owner: Owner, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.api.get(f"/api/v1/namespaces/{owner.namespace}/{PATHS[kind]}/one")
    return found


def ours(owner: Owner, kind: str) -> Change:
    """The change that creates the object, planned when it did not exist."""
    if kind == "ServiceAccount":
        return ApplyServiceAccount("one", {"azure.workload.identity/client-id": "c"}, True, None, owner.labels)
    return ApplyObject(kind, "one", {"ours": "text"}, owner.labels, None, ())


async def applied(objects: Objects, owner: Owner, change: Change) -> Any:
    if isinstance(change, ApplyServiceAccount):
        return await objects.apply_service_account(owner, change)
    assert isinstance(change, ApplyObject)
    return await objects.apply_object(owner, change)


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "ServiceAccount"])
async def test_what_somebody_else_created_meanwhile_is_not_made_ours(
    lab: Lab, owner: Owner, objects: Objects, kind: str
) -> None:
    """The API server merges an apply into an object that exists. The operator sees both managers, and takes its marks back."""
    theirs(lab, owner, kind)

    with pytest.raises(client.ClusterError) as refusal:
        await applied(objects, owner, ours(owner, kind))

    assert (refusal.value.status, refusal.value.message) == (
        409,
        f"somebody else created {kind} one in the meantime",
    )
    left = stands(lab, owner, kind)["metadata"]
    assert left["labels"] == {"theirs": "yes"}
    assert not [key for key in left.get("annotations", {}) if key.startswith("gitlabazure.io/")]


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "ServiceAccount"])
async def test_an_object_that_somebody_else_deleted_is_deleted(
    lab: Lab, owner: Owner, objects: Objects, kind: str
) -> None:
    found = await applied(objects, owner, ours(owner, kind))
    lab.api.delete(f"/api/v1/namespaces/{owner.namespace}/{PATHS[kind]}/one")

    await objects.delete(owner, found)

    assert await objects.get(owner, kind, "one") is None


async def test_an_object_that_changed_since_it_was_seen_is_not_deleted(
    lab: Lab, owner: Owner, objects: Objects
) -> None:
    found = await applied(objects, owner, ours(owner, "Secret"))
    theirs(lab, owner, "Secret")

    with pytest.raises(client.ClusterError) as refusal:
        await objects.delete(owner, found)

    assert refusal.value.status == 409
    assert stands(lab, owner, "Secret")["metadata"]["labels"]["theirs"] == "yes"
