"""Deletions when the world has changed: missing rights, objects that no longer exist, a namespace that is being deleted."""

import json
import shlex
from collections.abc import Callable, Iterator

import pytest

from lab.azure import seeded
from lab.running import ToolError

from .behind import OBJECTS, create_store, patch, remove, until
from .operating import GROUP, STORAGE, SUBSCRIPTION
from .owner import (
    admission_policy,
    assert_nothing_was_written,
    delete_identity,
    granted,
    identity,
    stalled,
    standing,
    unassign,
    without_rights,
)
from .resources import GitLab
from .test_rights import OPERATOR

MakeGitLab = Callable[..., GitLab]
ACCOUNT = f"{STORAGE}/gitlabstore"
ALL_OBJECTS = "serviceaccounts,secrets,configmaps"


def way_out(gitlab: GitLab) -> str:
    return (
        "Until then the deletion waits. To let the resource go and leave everything where it is: "
        f"kubectl -n {gitlab.namespace} annotate gai gitlab gitlabazure.io/abandon=true"
    )


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (
            ACCOUNT,
            (
                "The operator may not read role assignments on storage account gitlabstore. Grant its identity "
                '"Role Based Access Control Administrator" on storage account gitlabstore: docs/azure-permissions.md#storage.'
                " Azure says the same of an account that does not exist in that resource group: check the names of both."
            ),
        ),
        (
            GROUP,
            (
                "The operator may not read managed identities in resource group rg-gitlab. Grant its identity "
                '"Managed Identity Contributor" on resource group rg-gitlab: docs/azure-permissions.md#identities.'
                " Azure says the same of a resource group that does not exist: check its name."
            ),
        ),
    ],
    ids=["storage", "identities"],
)
def test_a_missing_right_is_named_and_the_deletion_continues_with_it(gitlab: GitLab, scope: str, message: str) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    with without_rights(gitlab.lab, scope):
        gitlab.ask_to_delete()

        said = stalled(gitlab, "DeletionBlocked")
        assert said.startswith(f"{message} Azure: The client '")
        assert said.endswith(way_out(gitlab))
        assert gitlab.live()["metadata"]["finalizers"]
        # Nothing of a later stage is removed before: an assignment must not outlive its identity.
        assert len(gitlab.identities()) == len(gitlab.credentials()) == len(gitlab.assignments()) == 1
        assert all(gitlab.exists(kind, name) for kind, name in OBJECTS)

    gitlab.until_gone()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


def test_the_command_in_the_message_lets_go_and_leaves_everything(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    name, (assignment,) = gitlab.identity_name, gitlab.assignments()
    with without_rights(gitlab.lab, ACCOUNT):
        gitlab.ask_to_delete()
        line = stalled(gitlab, "DeletionBlocked").partition("leave everything where it is: ")[2]

        program, *arguments = shlex.split(line)
        assert program == "kubectl"
        gitlab.lab.kubectl(*arguments)
        gitlab.until_gone()

    assert identity(gitlab.lab, name) is not None
    assert gitlab.azure("GET", assignment["id"])[0] == 200
    assert all(gitlab.exists(kind, name) for kind, name in OBJECTS)
    assert gitlab.events()[-1]["reason"] == "Abandoned"
    unassign(gitlab.lab, assignment["id"])
    delete_identity(gitlab.lab, name)


def test_a_missing_right_in_the_cluster_is_named_too(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    remove(gitlab, "rolebinding", "gitlab-azure-identity")
    gitlab.ask_to_delete()

    message = stalled(gitlab, "DeletionBlocked")
    assert (
        f"Add {gitlab.namespace} to `namespaces` in the values of its Helm chart, and upgrade the chart. The API server: "
        in message
    )
    assert gitlab.assignments() == []  # the earlier stages are done
    assert len(gitlab.identities()) == 1
    assert "roleAssignments" not in gitlab.live()["status"]  # the status says what is left
    assert standing(gitlab) == {
        "Ready": "False DeletionBlocked",
        "Stalled": "True DeletionBlocked",
        "IdentityReady": "True Created",
        "CredentialsFederated": "True Federated",
        "RolesAssigned": "False Removed",
        "ServiceAccountsAnnotated": "True Annotated",
        "SecretsWritten": "True Written",
        "AccessVerified": "False Removed",
        "WorkloadsReady": "Unknown NotDeployed",
    }

    gitlab.lab.admit_namespaces(gitlab.namespace)
    gitlab.until_gone()
    assert gitlab.identities() == []
    assert not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


def test_a_storage_account_that_was_deleted_before(gitlab: GitLab) -> None:
    """The operator's role on the account was deleted with it, so Azure answers 403 and not 404. The operator only knows that the
    account has no host any more, until it may read the resource group."""
    name = f"store{seeded.named_guid(gitlab.namespace)[:8]}"
    create_store(gitlab.lab, name)
    gitlab.apply(storage={"accountName": name}).ready()
    assert gitlab.azure("DELETE", f"{STORAGE}/{name}")[0] == 200

    gitlab.ask_to_delete()

    message = stalled(gitlab, "DeletionBlocked")
    assert f"may not read role assignments on storage account {name}." in message
    assert "No host of that account is known: if it stays so for an hour, the account counts as deleted" in message
    with granted(gitlab.lab, "Reader", f"{SUBSCRIPTION}/resourceGroups/{seeded.STORAGE_GROUP}"):
        gitlab.until_gone()
    assert gitlab.identities() == []


def test_a_resource_group_that_was_deleted_before(new_gitlab: MakeGitLab) -> None:
    """The identity is deleted with its group. Its role assignment stays in Azure, and the operator removes it."""
    gitlab = new_gitlab("later-deleted")
    group = f"{SUBSCRIPTION}/resourceGroups/rg-later"
    assert gitlab.azure("PUT", group, {"location": seeded.LOCATION})[0] == 201
    with granted(gitlab.lab, "Managed Identity Contributor", SUBSCRIPTION):
        gitlab.apply(azure={"resourceGroup": "rg-later"}).ready()
        principal = gitlab.principal
        assert gitlab.azure("DELETE", group)[0] in (200, 202)
        until(lambda: gitlab.azure("GET", group)[0] == 404, "the group no longer exists")
        assert len(gitlab.assignments(principal=principal)) == 1

        gitlab.delete()

    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


def test_an_identity_that_was_deleted_before_leaves_no_orphaned_assignment(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    delete_identity(gitlab.lab, gitlab.identity_name)
    assert len(gitlab.assignments(principal=principal)) == 1

    gitlab.delete()

    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, name) for kind, name in OBJECTS)


def test_objects_that_were_deleted_before(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.kubectl("delete", ALL_OBJECTS, "-n", gitlab.namespace, "-l", "gitlabazure.io/owner=gitlab")

    gitlab.delete()

    assert gitlab.identities() == []


def test_a_namespace_that_is_deleted_leaves_nothing_in_azure(gitlab: GitLab) -> None:
    """The operator's rights and the secrets are deleted with the namespace, in any order. The resource keeps the namespace until
    Azure is clean."""
    gitlab.apply().ready()
    principal = gitlab.principal

    gitlab.lab.kubectl("delete", "namespace", gitlab.namespace, "--timeout=60s")

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []


def test_a_namespace_that_is_deleted_while_rights_in_azure_are_missing_waits(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    with without_rights(gitlab.lab, ACCOUNT):
        gitlab.lab.kubectl("delete", "namespace", gitlab.namespace, "--wait=false")
        assert "Role Based Access Control Administrator" in stalled(gitlab, "DeletionBlocked")

    gitlab.until_gone()
    gitlab.lab.kubectl("wait", "--for=delete", f"namespace/{gitlab.namespace}", "--timeout=60s")
    assert gitlab.identities() == []


def test_a_resource_that_nothing_was_created_for_is_deleted_without_a_write(gitlab: GitLab) -> None:
    gitlab.apply(storage={"accountName": "otherstore"})
    stalled(gitlab, "NotPermitted")
    gitlab.lab.controls.clear_calls()

    gitlab.delete()

    assert_nothing_was_written(gitlab)


# the finalizer


REFUSED_BY_POLICY = "no finalizers here"


@pytest.fixture
def no_finalizers(gitlab: GitLab) -> Iterator[Callable[[], None]]:
    """A cluster that refuses the operator its finalizer in this namespace. The yielded function ends that."""
    name = f"no-finalizers-{gitlab.namespace}"
    policy = admission_policy(
        gitlab,
        name,
        "gitlabazureidentities",
        matchConditions=[{"name": "the-operator", "expression": f"request.userInfo.username == '{OPERATOR}'"}],
        validations=[{"expression": "!has(object.metadata.finalizers)", "message": REFUSED_BY_POLICY}],
    )
    lab, lifted = gitlab.lab, False
    probe = GitLab(lab, gitlab.watch, gitlab.namespace, "probe")
    probe.apply(suspend=True)

    def refused() -> bool:
        """Whether the policy is in effect, which takes the API server a moment."""
        patch = json.dumps({"metadata": {"finalizers": ["example.com/probe"]}})
        try:
            lab.kubectl(
                "patch", "gai", "-n", gitlab.namespace, "probe", "--type=merge", "-p", patch,
                "--as", OPERATOR, "--dry-run=server",
            )  # fmt: skip
        except ToolError as error:
            return REFUSED_BY_POLICY in error.output
        return False

    def lift() -> None:
        nonlocal lifted
        if not lifted:
            lab.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)
            until(lambda: not refused(), "the policy is lifted")
            lifted = True

    lab.apply(policy)
    until(refused, "the policy has its effect")
    yield lift
    lift()
    probe.delete()


def test_without_its_finalizer_the_operator_writes_nothing(gitlab: GitLab, no_finalizers: Callable[[], None]) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply()
    gitlab.annotate("gitlabazure.io/requested-at=now")
    gitlab.watch.until(gitlab.namespace, gitlab.name, lambda found: "annotations" in found["metadata"])

    message = stalled(gitlab, "AdmissionRefused")
    assert message.startswith(
        "Could not add its finalizer gitlabazure.io/finalizer to this resource, without which nothing"
    )
    assert REFUSED_BY_POLICY in message
    assert "finalizers" not in gitlab.live()["metadata"]
    assert_nothing_was_written(gitlab)

    no_finalizers()
    gitlab.annotate("gitlabazure.io/requested-at=again")  # it continues by itself too, but only after its backoff
    gitlab.ready(seconds=15)


def test_a_finalizer_of_others_stays(gitlab: GitLab) -> None:
    """A resource that was let go gets no more passes, although it still exists."""
    gitlab.apply().ready()
    others = ["example.com/before", "example.com/after"]
    patch(gitlab, "gai", "gitlab", {"metadata": {"finalizers": [others[0], "gitlabazure.io/finalizer", others[1]]}})

    gitlab.ask_to_delete()
    gitlab.until(lambda found: found["metadata"].get("finalizers") == others)

    assert gitlab.identities() == []
    gitlab.lab.controls.clear_calls()
    gitlab.annotate("gitlabazure.io/requested-at=now")
    gitlab.watch.until(gitlab.namespace, "gitlab", lambda found: "annotations" in found["metadata"])
    patch(gitlab, "gai", "gitlab", {"metadata": {"finalizers": None}})
    gitlab.until_gone()
    assert gitlab.calls() == []
