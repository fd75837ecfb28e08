"""Resources and worlds for tests: one GitLab in namespace gitlab, on cluster lab, and everything that it wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION, FINALIZER, TENANT_ID_ANNOTATION
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import Defaults, Desired, desire
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.roles import Role
from gitlab_azure_identity.domain.storage_account import StorageAccount

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW_TEXT = "2026-03-01T12:00:00Z"
BEFORE_TEXT = "2026-02-01T00:00:00Z"

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ISSUER = "https://westeurope.oic.prod-aks.azure.com/72f988bf-0000-4000-8000-2d7cd011db47/7d3a6d5e/"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-gitlab"
STORAGE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage/storageAccounts"
IN_STORE: dict[str, Any] = {"account": "gitlabstore", "domain": "blob.core.windows.net"}
DEFAULTS = Defaults(
    subscription_id=SUBSCRIPTION,
    resource_group="rg-gitlab",
    location="westeurope",
    storage_resource_group="rg-storage",
)
PRINCIPAL = "aaaaaaaa-0000-4000-8000-000000000001"
CLIENT = "cccccccc-0000-4000-8000-000000000001"
TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
ANNOTATIONS = {CLIENT_ID_ANNOTATION: CLIENT, TENANT_ID_ANNOTATION: TENANT}
MANAGER = naming.field_manager("gitlab")


def resource(
    spec: Mapping[str, Any] | None = None,
    *,
    status: Mapping[str, Any] | None = None,
    namespace: str = "gitlab",
    name: str = "gitlab",
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
    deleting: bool = False,
) -> Resource:
    """The resource that a person applies with this spec. Without storage in it, it uses gitlabstore."""
    return Resource.parse(body(spec, status, namespace, name, generation, annotations, deleting=deleting))


def body(
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    namespace: str = "gitlab",
    name: str = "gitlab",
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
    *,
    deleting: bool = False,
    finalizers: tuple[str, ...] = (FINALIZER,),
) -> dict[str, Any]:
    """The same resource, as the API server returns it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-of-{namespace}-{name}",
        "resourceVersion": "1",
        "generation": generation,
        "annotations": dict(annotations or {}),
        "finalizers": list(finalizers),
    }
    if deleting:
        metadata["deletionTimestamp"] = NOW_TEXT
    whole = {"storage": {"accountName": "gitlabstore"}, **(spec or {})}
    return {"metadata": metadata, "spec": whole, "status": dict(status or {})}


def wanted(spec: Mapping[str, Any] | None = None, *, namespace: str = "gitlab", name: str = "gitlab") -> Desired:
    """Everything that such a resource wants, by the lab's settings."""
    return desired_of(resource(spec, namespace=namespace, name=name))


def desired_of(one: Resource, *, cluster: str = "lab", defaults: Defaults = DEFAULTS) -> Desired:
    return desire(one, cluster=cluster, cloud=CLOUDS["AzurePublic"], issuer=ISSUER, defaults=defaults)


def goal(desired: Desired | None = None, *, may_create: bool = True, may_adopt: bool = False) -> Goal:
    """The goal of a pass. An identity that is only observed is not created."""
    desired = desired or wanted()
    return Goal(desired, may_create=may_create and Link.IDENTITY not in desired.unmanaged, may_adopt=may_adopt)


def deletion(desired: Desired | None = None) -> Goal:
    """The goal of a deletion: nothing of the owner is left."""
    return Goal(desired or wanted(), Mode.FINALIZE)


def identity(desired: Desired | None = None, *, number: int = 1, tags: Mapping[str, str] | None = None) -> Identity:
    """The managed identity as Azure returns it. It is ours unless `tags` say otherwise."""
    desired = desired or wanted()
    return Identity(
        resource_id=str(desired.identity.id),
        name=desired.identity.name,
        location="westeurope",
        tags={**desired.identity.tags, **desired.owner.tags} if tags is None else tags,
        client_id=f"cccccccc-0000-4000-8000-{number:012}",
        principal_id=f"aaaaaaaa-0000-4000-8000-{number:012}",
        tenant_id=TENANT,
    )


ACCOUNT = StorageAccount(
    name="gitlabstore",
    kind="StorageV2",
    blob_host="gitlabstore.blob.core.windows.net",
    hierarchical=False,
    shared_keys=True,
    public=True,
    firewall=False,
    private_endpoints=False,
)
"""The storage account as a person creates it."""


def assignment(scope: str | StorageScope, role: Role, *, principal: str = PRINCIPAL, owner: str = "") -> Assignment:
    """A role assignment. It is created by hand unless `owner` (an owner's description) is given."""
    place = StorageScope.parse(str(scope))
    return Assignment(naming.role_assignment_name(place, principal, role), role.guid, place, principal, owner)


def account(desired: Desired, name: str, *, managed: bool = True) -> ClusterObject:
    """A service account as the operator writes it, owned or only annotated."""
    return ClusterObject(
        kind="ServiceAccount",
        name=name,
        uid=f"uid-{name}",
        resource_version="1",
        labels=desired.owner.labels if managed else {"app.kubernetes.io/managed-by": "Helm"},
        annotations=ANNOTATIONS,
        automount=False if managed else None,
        managers=frozenset({MANAGER} if managed else {MANAGER, "helm"}),
    )


def standing(desired: Desired | None = None) -> Observed:
    """A world where everything that is wanted exists, created by us."""
    desired = desired or wanted()
    objects = [
        ClusterObject(
            w.kind, w.name, f"uid-{w.name}", "1", desired.owner.labels, {}, w.data, None, frozenset({MANAGER})
        )
        for w in desired.objects
    ]
    objects += [account(desired, one.name, managed=one.managed) for one in desired.service_accounts]
    return Observed(
        identity=identity(desired),
        credentials=desired.credentials,
        assignments=tuple(
            assignment(grant.scope, grant.role, owner=desired.owner.description) for grant in desired.grants
        ),
        objects={found.key: found for found in objects},
    )


def with_object(have: Observed, kind: str, name: str, **changed: Any) -> Observed:
    """The same world, with some fields of one object different."""
    return have.with_object(replace(have.objects[kind, name], **changed))
