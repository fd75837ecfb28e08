"""What the owner of the subscription does, and what the operator must leave alone."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.azure import seeded
from lab.azure.roles import BY_NAME
from lab.running import Lab

from .operating import IDENTITIES, STORAGE, SUBSCRIPTION
from .resources import GitLab
from .watching import Object


def stalled(gitlab: GitLab, reason: str, seconds: float = 30) -> str:
    """Wait until Ready is False for that reason, and Stalled is True for it. Returns the message."""
    generation = gitlab.live()["metadata"]["generation"]
    found = gitlab.condition("Ready", "False", reason, seconds=seconds, generation=generation)
    ready = condition(found, "Ready")
    assert {key: condition(found, "Stalled")[key] for key in ("status", "reason", "message")} == {
        "status": "True",
        "reason": reason,
        "message": ready["message"],
    }
    return str(ready["message"])


def condition(found: Object, kind: str) -> Object:
    return next(c for c in found["status"]["conditions"] if c["type"] == kind)


def standing(gitlab: GitLab) -> Object:
    """The status and reason of each condition."""
    return {c["type"]: f"{c['status']} {c['reason']}" for c in gitlab.live()["status"]["conditions"]}


def assert_nothing_was_written(gitlab: GitLab) -> None:
    """Nothing was written in Azure since the call log was cleared, nor in the namespace."""
    assert gitlab.writes() == []
    for kind in ("serviceaccount", "secret", "configmap"):
        found = gitlab.lab.api.get(f"{gitlab.path(kind)}?labelSelector=gitlabazure.io/owner")
        assert found["items"] == [], kind


# identities


def create_identity(lab: Lab, name: str, tags: dict[str, str] | None = None, location: str = seeded.LOCATION) -> Object:
    """A managed identity that is not the operator's."""
    status, made = lab.arm("PUT", f"{IDENTITIES}/{name}", {"location": location, "tags": tags or {}})
    assert status == 201, made
    return made


def delete_identity(lab: Lab, name: str) -> None:
    status, _ = lab.arm("DELETE", f"{IDENTITIES}/{name}")
    assert status in (200, 204)


def identity(lab: Lab, name: str) -> Object | None:
    """The managed identity of that name, or None."""
    status, found = lab.arm("GET", f"{IDENTITIES}/{name}")
    return found if status == 200 else None


@contextmanager
def foreign_identity(lab: Lab, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Iterator[Object]:
    """An identity that is deleted at the end."""
    yield create_identity(lab, name, tags, **kwargs)
    delete_identity(lab, name)


# roles


def assign(
    lab: Lab, role: str, scope: str, principal: str = seeded.OPERATOR_PRINCIPAL, name: str = "", **more: str
) -> str:
    """Assign a built-in role, to the operator unless another principal is named. Returns the assignment's id."""
    assignment = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name or uuid.uuid4()}"
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{BY_NAME[role].id}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal", **more}
    status, answer = lab.arm("PUT", assignment, {"properties": properties})
    assert status == 201, answer
    return assignment


def unassign(lab: Lab, assignment: str) -> None:
    status, answer = lab.arm("DELETE", assignment)
    assert status in (200, 204), answer


def assignments_of_operator(lab: Lab, scope: str) -> list[Object]:
    """The operator's own role assignments at a scope."""
    query = f"?$filter=principalId%20eq%20'{seeded.OPERATOR_PRINCIPAL}'"
    found = lab.arm("GET", f"{scope}/providers/Microsoft.Authorization/roleAssignments{query}")[1]["value"]
    return [a for a in found if a["properties"]["scope"].casefold() == scope.casefold()]


@contextmanager
def without_rights(lab: Lab, scope: str) -> Iterator[None]:
    """The operator's role at that scope is removed, and restored at the end."""
    (taken,) = assignments_of_operator(lab, scope)
    unassign(lab, taken["id"])
    try:
        yield
    finally:
        status, answer = lab.arm("PUT", taken["id"], {"properties": _grant(taken)})
        assert status in (200, 201), answer


@contextmanager
def deletion_blocked(gitlab: GitLab) -> Iterator[None]:
    """The resource's deletion waits for a right at the storage account, which comes back at the end."""
    with without_rights(gitlab.lab, f"{STORAGE}/gitlabstore"):
        gitlab.ask_to_delete()
        stalled(gitlab, "DeletionBlocked")
        yield


def admission_policy(gitlab: GitLab, name: str, resources: str, **rules: Any) -> list[Object]:
    """What denies updates of these resources in the namespace of `gitlab`, by the given validations: a policy and its
    binding."""
    updates = {
        "apiGroups": ["gitlabazure.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": [resources],
    }
    constraints = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": gitlab.namespace}},
        "resourceRules": [updates],
    }
    common = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    return [
        {**common, "kind": "ValidatingAdmissionPolicy", "spec": {"matchConstraints": constraints, **rules}},
        {
            **common,
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def _grant(assignment: Object) -> Object:
    kept = ("roleDefinitionId", "principalId", "principalType", "description", "condition", "conditionVersion")
    return {key: value for key, value in assignment["properties"].items() if key in kept and value}


@contextmanager
def granted(lab: Lab, role: str, scope: str) -> Iterator[None]:
    """The operator has one more role for a while."""
    assignment = assign(lab, role, scope)
    try:
        yield
    finally:
        unassign(lab, assignment)
