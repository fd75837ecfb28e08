"""What others do behind the operator's back, and reads beside the resource: objects, versions, passes."""

import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from lab.azure import seeded
from lab.running import Lab

from .operating import GROUP, STORAGE, SUBSCRIPTION, Operator
from .resources import GitLab
from .watching import Object

IDENTITIES = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
MANAGED_IDENTITY_CONTRIBUTOR = "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"
CLIENT_ID = "azure.workload.identity/client-id"
TENANT_ID = "azure.workload.identity/tenant-id"
CREATED_BY = "gitlabazure.io/created-by"
SECRETS = ("gitlab-registry-storage", "gitlab-object-storage", "gitlab-azure-backup-conf")
VALUES = "gitlab-gitlab-values"
OBJECTS = (("serviceaccount", "gitlab"), *(("secret", name) for name in SECRETS), ("configmap", VALUES))


def until(holds: Callable[[], Any], what: str, seconds: float = 30) -> None:
    """Check again and again something that no event announces. Fails with `what` when it does not happen in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def until_matched(lab: Lab, match: str) -> None:
    """Wait until the fault has stopped a request."""
    until(lambda: match not in lab.controls.waiting_faults(), f"a request that matches {match}")


def passes(operator: Operator, result: str = "success") -> int:
    """The number of passes that the operator has made since its start."""
    pattern = rf'^controller_runtime_reconcile_total{{.*result="{result}".*}} (\S+)$'
    return sum(int(float(count)) for count in re.findall(pattern, operator.get("/metrics"), re.MULTILINE))


def condition(gitlab: GitLab, kind: str, status: str = "True", reason: str | None = None) -> str:
    """The line of the metrics for a condition of a resource that has this status and this reason, or its name as a reason."""
    names = f'condition="{kind}",name="{gitlab.name}",namespace="{gitlab.namespace}",reason="{reason or kind}"'
    return f'gitlab_azure_identity_status_condition{{{names},status="{status}"}} 1.0'


def after_a_pass(operator: Operator, count: int = 1) -> None:
    """Wait until the operator has made `count` passes since its start."""
    until(lambda: passes(operator) >= count, f"{count} passes")


def reasons(gitlab: GitLab) -> list[str]:
    return [event["reason"] for event in gitlab.events()]


def until_events(gitlab: GitLab, *expected: str) -> None:
    """Wait until these events, and no others, were posted in this order. An event is posted after the status that it is about."""
    until(lambda: reasons(gitlab) == list(expected), f"events {', '.join(expected)}")


def drift(gitlab: GitLab) -> str:
    """The message of the last DriftRepaired event."""
    return str([event["message"] for event in gitlab.events() if event["reason"] == "DriftRepaired"][-1])


# in Azure


def put_credential(gitlab: GitLab, name: str, **properties: Any) -> None:
    path = f"{IDENTITIES}/{gitlab.identity_name}/federatedIdentityCredentials/{name}"
    status, answer = gitlab.azure("PUT", path, {"properties": properties})
    assert status in (200, 201), answer


def remove_credentials(gitlab: GitLab) -> None:
    for credential in gitlab.credentials():
        status, _ = gitlab.azure("DELETE", credential["id"])
        assert status == 200


def put_tags(gitlab: GitLab, tags: dict[str, str]) -> None:
    """Give the identity these tags and no others."""
    (identity,) = gitlab.identities()
    body = {"location": identity["location"], "tags": tags}
    status, answer = gitlab.azure("PUT", identity["id"], body)
    assert status in (200, 201), answer


def create_store(lab: Lab, name: str, containers: Iterable[str] = seeded.CONTAINERS) -> None:
    """A storage account with these containers. The operator may assign roles on it."""
    scope = f"{STORAGE}/{name}"
    status, answer = lab.arm("PUT", scope, {"location": "westeurope", "sku": {"name": "Standard_LRS"}})
    assert status in (200, 202), answer
    for container in containers:
        create_container(lab, container, name)
    grant_operator(lab, RBAC_ADMINISTRATOR, scope)


def grant_operator(lab: Lab, role: str, scope: str) -> None:
    """Give the operator's own identity a role, as the owner of the subscription."""
    properties = {
        "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "principalId": seeded.OPERATOR_PRINCIPAL,
        "principalType": "ServicePrincipal",
    }
    assignment = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    status, answer = lab.arm("PUT", assignment, {"properties": properties})
    assert status == 201, answer


def create_container(lab: Lab, container: str, account: str = "gitlabstore") -> None:
    status, answer = lab.arm("PUT", f"{STORAGE}/{account}/blobServices/default/containers/{container}", {})
    assert status in (200, 201), answer


# in the cluster


def patch(gitlab: GitLab, kind: str, name: str, change: Object) -> None:
    gitlab.lab.api.patch(gitlab.path(kind, name), change)


def patch_status(gitlab: GitLab, status: Object | None) -> None:
    gitlab.lab.api.patch(f"{gitlab.path('gai', gitlab.name)}/status", {"status": status})


def remove(gitlab: GitLab, kind: str, name: str) -> None:
    gitlab.lab.api.delete(gitlab.path(kind, name))


def create(gitlab: GitLab, kind: str, name: str, content: Object) -> Object:
    """Create an object in the resource's namespace. Returns it as the API server has it."""
    manifest = {"apiVersion": "v1", "kind": kind, **content}
    manifest["metadata"] = {"name": name, "namespace": gitlab.namespace, **content.get("metadata", {})}
    made: Object = gitlab.lab.api.post(gitlab.path(kind.lower()), manifest)
    return made


def create_service_account(gitlab: GitLab, name: str, **annotations: str) -> None:
    """A service account of somebody else, such as Helm."""
    create(gitlab, "ServiceAccount", name, {"metadata": {"annotations": annotations}})


def annotations_for(client_id: str) -> dict[str, str]:
    """The annotations of a service account whose pods log in with this client ID."""
    return {CLIENT_ID: client_id, TENANT_ID: seeded.TENANT}


def annotations(gitlab: GitLab, service_account: str = "gitlab") -> dict[str, str]:
    """Annotations of a service account, without the one beside the owner label."""
    found: dict[str, str] = gitlab.fetch("serviceaccount", service_account)["metadata"].get("annotations", {})
    return {key: value for key, value in found.items() if key != CREATED_BY}


def versions(gitlab: GitLab) -> dict[str, str]:
    """The resourceVersions of the resource and of all its objects."""
    found = {"gai": gitlab.live()["metadata"]["resourceVersion"]}
    for kind, name in OBJECTS:
        found[f"{kind}/{name}"] = gitlab.fetch(kind, name)["metadata"]["resourceVersion"]
    return found
