"""GitLab's own test of access: a pod that the real webhook has changed, and azcopy with its environment."""

import pytest

from lab.azure import seeded
from lab.errors import LabError

from .behind import create, drift
from .resources import GitLab

LABEL = "azure.workload.identity/use"


def create_pod(gitlab: GitLab, service_account: str = "gitlab", **labels: str) -> str:
    """A toolbox pod with these labels. Returns its name."""
    name = f"toolbox-{service_account}"
    toolbox = {"name": "toolbox", "image": "registry.gitlab.com/gitlab-org/build/cng/gitlab-toolbox-ee"}
    spec = {"serviceAccountName": service_account, "containers": [toolbox]}
    create(gitlab, "Pod", name, {"metadata": {"labels": labels}, "spec": spec})
    return name


def variables(gitlab: GitLab, pod: str) -> dict[str, str]:
    (container,) = gitlab.fetch("pod", pod)["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}


def test_a_labelled_pod_gets_the_environment_of_the_identity(gitlab: GitLab) -> None:
    client_id = gitlab.apply().ready()["status"]["identity"]["clientId"]

    pod = create_pod(gitlab, **{LABEL: "true"})

    assert variables(gitlab, pod) == {
        "AZURE_CLIENT_ID": client_id,
        "AZURE_TENANT_ID": seeded.TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/azure-identity-token",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    }


def test_a_pod_without_the_label_gets_nothing(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    pod = create_pod(gitlab)

    assert variables(gitlab, pod) == {}
    with pytest.raises(LabError, match=LABEL):
        gitlab.lab.pod_env(gitlab.namespace, pod)


def test_azcopy_lists_then_is_refused_without_the_role_then_lists_again(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    pod = create_pod(gitlab, **{LABEL: "true"})

    listed = gitlab.azcopy_list(pod)
    assert listed.returncode == 0, listed.stdout
    assert "hello.txt" in listed.stdout

    gitlab.remove_assignments()
    refused = gitlab.azcopy_list(pod)
    assert refused.returncode != 0
    assert "403" in refused.stdout
    assert "AuthorizationPermissionMismatch" in refused.stdout

    gitlab.reconcile_now()
    assert 'role assignment "Storage Blob Data Contributor"' in drift(gitlab)
    again = gitlab.azcopy_list(pod)
    assert again.returncode == 0, again.stdout
    assert "hello.txt" in again.stdout


def test_at_container_scope_azcopy_lists_what_is_granted_and_nothing_else(gitlab: GitLab) -> None:
    others = ("artifacts", "lfs", "uploads", "packages", "backups", "tmp")
    containers = {purpose: {"management": "Disabled"} for purpose in others}
    storage = {"accountName": "gitlabstore", "roleScope": "Container", "containers": containers}
    gitlab.apply(storage=storage).ready()
    pod = create_pod(gitlab, **{LABEL: "true"})

    assert "hello.txt" in gitlab.azcopy_list(pod, "registry").stdout
    refused = gitlab.azcopy_list(pod, "gitlab-artifacts")

    assert refused.returncode != 0
    assert "AuthorizationPermissionMismatch" in refused.stdout


def test_after_the_deletion_of_the_resource_access_is_refused(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    pod = create_pod(gitlab, **{LABEL: "true"})
    environment = gitlab.lab.pod_env(
        gitlab.namespace, pod
    )  # the token outlives the credential that it was exchanged with

    gitlab.delete()

    refused = gitlab.azcopy_with(environment)
    assert refused.returncode != 0
    assert "AADSTS700016" in refused.stdout
