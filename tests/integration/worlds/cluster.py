"""Service accounts, secrets and config maps that are not as the operator needs them, and what the API server refuses."""

import json

from lab.running import ToolError
from tests.integration.behind import CLIENT_ID, create, create_service_account, patch, until
from tests.integration.test_error_kinds import quota

from .scene import Scene

ANNOTATED = [{"name": "gitlab", "management": "Annotate"}]


def helms_account_that_is_missing(scene: Scene) -> None:
    scene.gitlab.apply(serviceAccounts=ANNOTATED)


def client_id_that_helm_sets(scene: Scene) -> None:
    create_service_account(scene.gitlab, "gitlab")
    metadata = {
        "name": "gitlab",
        "namespace": scene.gitlab.namespace,
        "annotations": {CLIENT_ID: "00000000-aaaa-bbbb-cccc-dddddddddddd"},
    }
    manifest = json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    scene.lab.kubectl("apply", "--server-side", "--field-manager", "helm", "-f", "-", stdin=manifest)
    scene.gitlab.apply(serviceAccounts=ANNOTATED)


def service_account_of_somebody_else(scene: Scene) -> None:
    create_service_account(scene.gitlab, "gitlab")
    scene.gitlab.apply()


def secret_of_somebody_else(scene: Scene) -> None:
    create(scene.gitlab, "Secret", "gitlab-object-storage", {"stringData": {"connection": "provider: AWS"}})
    scene.gitlab.apply()


def config_map_of_somebody_else(scene: Scene) -> None:
    create(scene.gitlab, "ConfigMap", "gitlab-gitlab-values", {"data": {"values.yaml": "{}"}})
    scene.gitlab.apply()


def immutable_secret(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    patch(scene.gitlab, "secret", "gitlab-registry-storage", {"immutable": True})
    scene.gitlab.apply(secrets={"registry": {"parameters": {"rootDirectory": "/here"}}})


def quota_that_is_used_up(scene: Scene) -> None:
    quota(scene.gitlab, used=1)
    scene.gitlab.apply()


def namespace_without_rights(scene: Scene) -> None:
    """The operator's chart does not name the namespace."""
    path = scene.gitlab.path("rolebinding", "gitlab-azure-identity")
    taken = scene.lab.api.get(path)
    scene.lab.api.delete(path)
    restored = {**taken, "metadata": {"name": taken["metadata"]["name"], "namespace": scene.gitlab.namespace}}
    scene.ends.callback(scene.lab.apply, [restored])
    scene.gitlab.apply()


def admission_policy(scene: Scene) -> None:
    """A policy of the cluster wants a label on every secret."""
    name = f"labels-{scene.gitlab.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}
    constraints = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.gitlab.namespace}},
        "resourceRules": [rule],
    }
    validation = {"expression": "'team' in object.metadata.?labels.orValue({})", "message": "secrets need a label team"}
    common = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = {
        **common,
        "kind": "ValidatingAdmissionPolicy",
        "spec": {"matchConstraints": constraints, "validations": [validation]},
    }
    binding = {
        **common,
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    scene.lab.apply([policy, binding])
    until(lambda: "label team" in _refusal(scene), "the API server asks the policy")
    scene.ends.callback(scene.lab.kubectl, "delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)
    scene.gitlab.apply()


def _refusal(scene: Scene) -> str:
    try:
        scene.lab.kubectl("create", "secret", "generic", "probe", "-n", scene.gitlab.namespace, "--dry-run=server")
    except ToolError as error:
        return error.output
    return ""


def release_that_is_too_old(scene: Scene) -> None:
    scene.gitlab.apply(gitlab={"version": "17.8.1"})


def suspended(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    scene.gitlab.apply(suspend=True)
