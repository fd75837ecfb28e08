"""The operator's rights, enforced on both sides: the chart's RBAC by the API server, its roles by Azure."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.azure import seeded
from lab.running import Lab, ToolError

from .behind import create_service_account, create_store, remove
from .operating import GROUP, STORAGE
from .owner import assert_nothing_was_written, condition, granted, stalled, standing, without_rights
from .resources import GitLab
from .watching import Object, Watch

MakeGitLab = Callable[..., GitLab]
ACCOUNT = f"{STORAGE}/gitlabstore"
OPERATOR = "system:serviceaccount:gitlab-azure-identity:gitlab-azure-identity"
_numbers = itertools.count(1)


def assert_refused_with(message: str, words: str) -> None:
    """The operator's words, and then Azure's own."""
    ours, _, azures = message.partition(" Azure: ")
    assert ours == words
    assert azures.startswith("The client '")
    assert "does not have authorization to perform action" in azures


# in Azure


def test_no_right_to_manage_identities(gitlab: GitLab) -> None:
    with without_rights(gitlab.lab, GROUP):
        gitlab.lab.controls.clear_calls()

        gitlab.apply()

        assert_refused_with(
            stalled(gitlab, "AuthorizationFailed"),
            "The operator may not read managed identities in resource group rg-gitlab. Grant its identity "
            '"Managed Identity Contributor" on resource group rg-gitlab: docs/azure-permissions.md#identities.'
            " Azure says the same of a resource group that does not exist: check its name.",
        )
        assert standing(gitlab)["IdentityReady"] == "False AuthorizationFailed"
        assert_nothing_was_written(gitlab)

    gitlab.ready(seconds=15)  # by itself


def test_a_right_to_read_identities_only(gitlab: GitLab) -> None:
    with without_rights(gitlab.lab, GROUP), granted(gitlab.lab, "Reader", GROUP):
        gitlab.apply()

        assert_refused_with(
            stalled(gitlab, "AuthorizationFailed"),
            f"The operator may not write managed identity lab_{gitlab.namespace}_gitlab in resource group rg-gitlab. Grant its "
            'identity "Managed Identity Contributor" on resource group rg-gitlab: docs/azure-permissions.md#identities.',
        )
        assert gitlab.identities() == []

    gitlab.reconcile_now()
    gitlab.ready(seconds=5)


def test_no_right_on_the_storage_account(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storenoright")
    with without_rights(gitlab.lab, f"{STORAGE}/storenoright"):
        gitlab.lab.controls.clear_calls()

        gitlab.apply(storage={"accountName": "storenoright"})

        assert_refused_with(
            stalled(gitlab, "AuthorizationFailed"),
            "The operator may not read storage account storenoright. Grant its identity "
            '"Role Based Access Control Administrator" on storage account storenoright: docs/azure-permissions.md#storage.'
            " Azure says the same of an account that does not exist in that resource group: check the names of both.",
        )
        assert standing(gitlab)["RolesAssigned"] == "False AuthorizationFailed"
        assert_nothing_was_written(gitlab)

    gitlab.ready(seconds=15)  # by itself


def test_a_right_to_read_the_storage_account_only(gitlab: GitLab) -> None:
    with without_rights(gitlab.lab, ACCOUNT), granted(gitlab.lab, "Reader", ACCOUNT):
        gitlab.apply()

        assert_refused_with(
            stalled(gitlab, "AuthorizationFailed"),
            "The operator may not assign roles on storage account gitlabstore. Grant its identity "
            '"Role Based Access Control Administrator" on storage account gitlabstore: docs/azure-permissions.md#storage.',
        )
        found = standing(gitlab)
        assert found["CredentialsFederated"] == "True Federated"
        assert found["RolesAssigned"] == "False AuthorizationFailed"
        assert found["AccessVerified"] == "Unknown Pending"

    gitlab.reconcile_now()
    gitlab.ready(seconds=5)


def test_a_lost_right_is_reported_for_a_ready_resource(gitlab: GitLab) -> None:
    """A definite answer counts at once. Existing objects are left, and the resource is Ready again with the right."""
    gitlab.apply().ready()
    before = gitlab.live()["status"]["identity"]
    with without_rights(gitlab.lab, ACCOUNT):
        gitlab.reconcile_now()

        stalled(gitlab, "AuthorizationFailed")
        assert gitlab.live()["status"]["identity"] == before
        assert gitlab.exists("secret", "gitlab-registry-storage")

    gitlab.reconcile_now()
    gitlab.ready(seconds=5)


# in the cluster


@pytest.fixture
def outside(new_gitlab: MakeGitLab) -> GitLab:
    """A resource in a namespace that the chart's values do not list."""
    gitlab = new_gitlab(f"t-outside-{next(_numbers)}")
    for kind in ("rolebinding", "role"):
        remove(gitlab, kind, "gitlab-azure-identity")
    return gitlab


def test_a_namespace_that_the_chart_does_not_list(outside: GitLab) -> None:
    outside.apply()

    message = stalled(outside, "Forbidden")

    assert message == (
        f"The operator may not read service account gitlab. Add {outside.namespace} to `namespaces` in the values of its Helm "
        'chart, and upgrade the chart. The API server: serviceaccounts "gitlab" is forbidden: '
        f'User "{OPERATOR}" cannot get resource "serviceaccounts" in API group "" in the namespace "{outside.namespace}".'
    )
    secrets = condition(outside.live(), "SecretsWritten")
    assert secrets["reason"] == "Forbidden"
    assert f"Add {outside.namespace} to `namespaces`" in secrets["message"]
    assert not outside.exists("serviceaccount", "gitlab")

    outside.lab.admit_namespaces(outside.namespace)
    outside.ready(seconds=15)  # by itself


def test_a_resource_that_neither_policy_nor_the_chart_admits_can_be_deleted(new_gitlab: MakeGitLab) -> None:
    """Nothing was ever created for it, so no right is needed."""
    gitlab = new_gitlab("nowhere")
    for kind in ("rolebinding", "role"):
        remove(gitlab, kind, "gitlab-azure-identity")
    gitlab.apply()
    stalled(gitlab, "NotPermitted")

    gitlab.delete(seconds=10)


def can_i(gitlab: GitLab, verb: str, what: str, *more: str) -> bool:
    """`kubectl auth can-i`, as the operator."""
    try:
        answer = gitlab.lab.kubectl("auth", "can-i", verb, what, "-n", gitlab.namespace, "--as", OPERATOR, *more)
    except ToolError:
        return False
    return answer.strip() == "yes"


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("list", "secrets"),
        ("watch", "secrets"),
        ("list", "configmaps"),
        ("list", "serviceaccounts"),
        ("update", "secrets"),
        ("deletecollection", "secrets"),
        ("create", "pods"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("impersonate", "serviceaccounts"),
        ("create", "gitlabazureidentities.gitlabazure.io"),
        ("delete", "gitlabazureidentities.gitlabazure.io"),
    ],
)
def test_the_operator_may_not(admitted: GitLab, verb: str, what: str) -> None:
    assert not can_i(admitted, verb, what)


def test_its_rights_are_limited_to_its_namespaces(admitted: GitLab) -> None:
    assert can_i(admitted, "get", "secrets/gitlab-registry-storage")
    elsewhere = GitLab(admitted.lab, admitted.watch, "kube-system")
    for verb in ("get", "create", "patch", "delete"):
        assert not can_i(elsewhere, verb, "secrets")
    assert not can_i(elsewhere, "create", "serviceaccounts", "--subresource=token")


def as_operator(gitlab: GitLab, *arguments: str, stdin: str | None = None) -> str:
    """The output or the error of kubectl with the operator's own kubeconfig."""
    kubeconfig = str(gitlab.lab.places.operator / "kubeconfig")
    try:
        return gitlab.lab.kubectl("--kubeconfig", kubeconfig, "-n", gitlab.namespace, *arguments, stdin=stdin)
    except ToolError as error:
        return error.output


@pytest.fixture(scope="module")
def admitted(lab: Lab, watch: Watch) -> GitLab:
    """A namespace of the operator's, with a service account to create tokens for."""
    lab.admit_namespaces("t-admitted")
    gitlab = GitLab(lab, watch, "t-admitted")
    create_service_account(gitlab, "gitlab")
    return gitlab


def test_tokens_are_created_only_for_entra(admitted: GitLab) -> None:
    def token(*flags: str) -> str:
        return as_operator(admitted, "create", "token", "gitlab", *flags)

    federation = f"--audience={seeded.AUDIENCE}"
    assert token(federation, "--duration=10m").startswith("eyJ")
    refused = "the operator may create service account tokens only for the audience api://AzureADTokenExchange"
    assert refused in token("--duration=10m")  # no audience: the API server's own
    assert refused in token("--audience=https://kubernetes.default.svc", "--duration=10m")
    assert refused in token(federation, "--audience=https://kubernetes.default.svc", "--duration=10m")
    assert "the operator may create service account tokens only for 3600 seconds or less" in token(
        federation, "--duration=2h"
    )


def test_no_token_is_written_into_a_secret(admitted: GitLab) -> None:
    """The control plane would write one, without expiry and for its own audience, into a secret of that type."""
    manifest = """
        {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
         "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "gitlab"}}}"""
    assert "the operator may create secrets of type Opaque only" in as_operator(
        admitted, "create", "-f", "-", stdin=manifest
    )


RESTART = "2026-11-26T09:00:00Z"
CHANGES_OF_A_DEPLOYMENT: dict[str, Any] = {
    "image": {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "evil"}]}}}},
    "service account": {"spec": {"template": {"spec": {"serviceAccountName": "default"}}}},
    "labels of pods": {"spec": {"template": {"metadata": {"labels": {"more": "yes"}}}}},
    "replicas": {"spec": {"replicas": 0}},
    "paused": {"spec": {"paused": True}},
    "strategy": {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    "patience": {"spec": {"progressDeadlineSeconds": 5}},
    "slowness": {"spec": {"minReadySeconds": 500}},
    "history": {"spec": {"revisionHistoryLimit": 0}},
    "labels": {"metadata": {"labels": {"more": "yes"}}},
    "annotations": {"metadata": {"annotations": {"more": "yes"}}},
    "finalizers": {"metadata": {"finalizers": ["example.com/forever"]}},
}


@pytest.fixture(scope="module")
def deployment(admitted: GitLab) -> GitLab:
    """A namespace with a Deployment web."""
    admitted.lab.kubectl("-n", admitted.namespace, "create", "deployment", "web", "--image=web")
    return admitted


@pytest.mark.parametrize("change", CHANGES_OF_A_DEPLOYMENT.values(), ids=CHANGES_OF_A_DEPLOYMENT)
def test_of_a_deployment_nothing_is_changed_but_the_annotations_of_its_pods(deployment: GitLab, change: Object) -> None:
    refused = as_operator(deployment, "patch", "deployment", "web", f"--patch={json.dumps(change)}")

    assert "the operator may change only the annotations of a Deployment's pods" in refused


def test_a_deployment_is_restarted_as_kubectl_does(deployment: GitLab) -> None:
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": RESTART}}}}}

    assert "patched" in as_operator(deployment, "patch", "deployment", "web", f"--patch={json.dumps(restart)}")
