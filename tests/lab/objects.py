"""Azure's resources in these tests: their paths, their requests, and functions that create them."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lab.azure import seeded

from .cluster import AUDIENCE, Cluster
from .plain import LOGIN, STORAGE_SCOPE, Plain, Reply

SUBSCRIPTION = f"/subscriptions/{seeded.SUBSCRIPTION}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-gitlab"
ACCOUNT = f"{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage/storageAccounts/gitlabstore"
CONTAINERS = f"{ACCOUNT}/blobServices/default/containers"
REGISTRY = f"{CONTAINERS}/registry"

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"

EVENTUALLY = 5
"""Seconds."""


def identity_path(name: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def credential_path(identity: str, name: str) -> str:
    return f"{identity_path(identity)}/federatedIdentityCredentials/{name}"


def assignment_path(scope: str, name: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


def role(guid: str) -> str:
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def trust(issuer: str, subject: str, *audiences: str) -> dict[str, Any]:
    """The body of a request that creates a federated credential."""
    return {"properties": {"issuer": issuer, "subject": subject, "audiences": list(audiences or (AUDIENCE,))}}


def grant(principal_id: str, guid: str, **properties: Any) -> dict[str, Any]:
    """The body of a request that creates a role assignment. `guid` names the role."""
    return {"properties": {"roleDefinitionId": role(guid), "principalId": principal_id, **properties}}


def new_name() -> str:
    return f"id-{uuid.uuid4().hex[:12]}"


def new_guid() -> str:
    return str(uuid.uuid4())


def subject(service_account: str = "gitlab") -> str:
    return f"system:serviceaccount:gitlab:{service_account}"


@dataclass(frozen=True)
class CreatedIdentity:
    """A managed identity that was created for a test."""

    name: str
    principal_id: str
    client_id: str


async def make_identity(plain: Plain, name: str | None = None) -> CreatedIdentity:
    name = name or new_name()
    reply = await plain.arm("PUT", identity_path(name), {"location": "westeurope"})
    assert reply.status == 201, reply
    properties = reply.body["properties"]
    return CreatedIdentity(name, properties["principalId"], properties["clientId"])


async def assign(plain: Plain, principal_id: str, guid: str, scope: str, **properties: str) -> str:
    name = new_guid()
    body = grant(principal_id, guid, principalType="ServicePrincipal", **properties)
    reply = await plain.arm("PUT", assignment_path(scope, name), body)
    assert reply.status == 201, reply
    return assignment_path(scope, name)


async def federate(plain: Plain, identity: CreatedIdentity, cluster: Cluster, service_account: str = "gitlab") -> str:
    path = credential_path(identity.name, f"fic-{service_account}")
    reply = await plain.arm("PUT", path, trust(cluster.issuer, subject(service_account)))
    assert reply.status == 201, reply
    return path


async def exchange(plain: Plain, client_id: str, assertion: str, **changes: str) -> Reply:
    """The request that exchanges a workload's token for an access token."""
    tenant = changes.pop("tenant", seeded.TENANT)
    form = {
        "client_id": client_id,
        "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "grant_type": "client_credentials",
        "scope": STORAGE_SCOPE,
        **changes,
    }
    return await plain.send("POST", f"{LOGIN}/{tenant}/oauth2/v2.0/token", data=form)


async def eventually(look: Callable[[], Awaitable[bool]], delay: float = EVENTUALLY) -> float:
    """Call `look` until it returns True. Returns the seconds that this took. Fails after `delay` seconds."""
    began = time.monotonic()
    while not await look():
        assert time.monotonic() - began < delay, f"not within {delay} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began
