"""The refusals of the operator before its first write: the message, word for word, and that the resource becomes Ready by
itself."""

from collections.abc import Callable

from lab.azure import seeded
from tests.invariants import seen

from .behind import create_container, create_store
from .operating import GROUP, IDENTITIES, STORAGE, SUBSCRIPTION, Operator
from .owner import (
    assert_nothing_was_written,
    delete_identity,
    foreign_identity,
    granted,
    stalled,
    standing,
)
from .resources import GitLab

MakeGitLab = Callable[..., GitLab]

NOT_LOOKED_AT = {
    "CredentialsFederated": "Unknown Pending",
    "RolesAssigned": "Unknown Pending",
    "ServiceAccountsAnnotated": "Unknown Pending",
    "SecretsWritten": "Unknown Pending",
    "AccessVerified": "Unknown Pending",
    "WorkloadsReady": "Unknown Pending",
}


def only_identity(reason: str) -> dict[str, str]:
    """The conditions of a resource that got no further than its identity."""
    return {
        "Ready": f"False {reason}",
        "Stalled": f"True {reason}",
        "IdentityReady": f"False {reason}",
        **NOT_LOOKED_AT,
    }


def test_a_namespace_that_no_rule_names(new_gitlab: MakeGitLab) -> None:
    gitlab = new_gitlab("elsewhere")
    gitlab.lab.controls.clear_calls()

    gitlab.apply()

    assert stalled(gitlab, "NotPermitted") == (
        "No rule of the operator's policy names namespace elsewhere. To let namespace elsewhere read, write and delete in "
        "every container of storage account gitlabstore, add to `policy` in the operator's "
        f"settings: {{namespaces: [elsewhere], identities: {{resourceGroups: [{GROUP}]}}, "
        f'storage: [{{account: {STORAGE}/gitlabstore, containers: ["*"], roleScopes: [Account]}}]}}'
    )
    assert standing(gitlab) == only_identity("NotPermitted")
    assert gitlab.calls() == []  # what may not be used is not even read
    assert_nothing_was_written(gitlab)


def test_a_storage_account_outside_the_policy_and_back_inside(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage={"accountName": "otherstore"})

    assert stalled(gitlab, "NotPermitted") == (
        f"No rule of the operator's policy lets namespace {gitlab.namespace} use storage account otherstore at Account "
        f"scope. To let namespace {gitlab.namespace} read, write and delete in every container of storage account "
        "otherstore, add to `policy` in the operator's settings: "
        f'{{namespaces: [{gitlab.namespace}], storage: [{{account: {STORAGE}/otherstore, containers: ["*"], '
        "roleScopes: [Account]}]}"
    )
    assert gitlab.calls() == []
    assert_nothing_was_written(gitlab)

    gitlab.apply(storage={"accountName": "gitlabstore"}).ready(seconds=5)


def test_account_scope_where_the_policy_admits_containers_only(new_gitlab: MakeGitLab) -> None:
    gitlab = new_gitlab("narrow-account")
    gitlab.lab.controls.clear_calls()

    gitlab.apply()

    assert stalled(gitlab, "NotPermitted") == (
        "No rule of the operator's policy lets namespace narrow-account use storage account gitlabstore at Account scope. "
        "To let namespace narrow-account read, write and delete in every container of storage account gitlabstore, add to "
        "`policy` in the operator's settings: {namespaces: [narrow-account], "
        f'storage: [{{account: {STORAGE}/gitlabstore, containers: ["*"], roleScopes: [Account]}}]}}'
    )
    assert_nothing_was_written(gitlab)


def test_a_container_outside_the_policy_and_then_only_those_inside(new_gitlab: MakeGitLab) -> None:
    gitlab = new_gitlab("narrow-container")
    unused = {purpose: {"management": "Disabled"} for purpose in ("artifacts", "packages", "backups", "tmp")}
    storage = {"accountName": "gitlabstore", "roleScope": "Container"}
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage=storage | {"containers": unused})

    assert stalled(gitlab, "NotPermitted") == (
        "No rule of the operator's policy lets namespace narrow-container use storage account gitlabstore at Container "
        "scope with containers registry, git-lfs, gitlab-uploads. To let namespace narrow-container read, write and "
        "delete in these containers of storage account gitlabstore, add to `policy` in the operator's settings: "
        f"{{namespaces: [narrow-container], storage: [{{account: {STORAGE}/gitlabstore, "
        "containers: [registry, git-lfs, gitlab-uploads], roleScopes: [Container]}]}"
    )
    assert_nothing_was_written(gitlab)

    gitlab.apply(storage=storage | {"containers": unused | {"uploads": {"management": "Disabled"}}}).ready(seconds=5)


def test_a_resource_group_outside_the_policy(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply(azure={"resourceGroup": "rg-platform"}, identity={"name": "gitlab-azure-identity-operator"})

    assert stalled(gitlab, "NotPermitted") == (
        f"No rule of the operator's policy lets namespace {gitlab.namespace} use managed identity "
        "gitlab-azure-identity-operator in resource group rg-platform. To let namespace "
        f"{gitlab.namespace} have managed identities created there, add to `policy` in the operator's "
        f"settings: {{namespaces: [{gitlab.namespace}], "
        f"identities: {{resourceGroups: [{SUBSCRIPTION}/resourceGroups/rg-platform]}}}}"
    )
    assert gitlab.calls() == []
    assert_nothing_was_written(gitlab)


def test_an_identity_that_somebody_created_by_hand(gitlab: GitLab) -> None:
    name = f"hand-made-{gitlab.namespace}"
    with foreign_identity(gitlab.lab, name, {"team": "platform"}):
        gitlab.lab.controls.clear_calls()

        gitlab.apply(identity={"name": name})

        assert stalled(gitlab, "NotOwned") == (
            f"Managed identity {name} exists and does not carry this operator's tags. Delete this resource, and create it anew "
            "with another spec.identity.name, which cannot change. Or, if service accounts of namespace "
            f"{gitlab.namespace} may have every right that the identity has, add to `policy` in the operator's settings: "
            f"{{namespaces: [{gitlab.namespace}], identities: {{adopt: [{IDENTITIES}/{name}]}}}}"
        )
        assert standing(gitlab) == only_identity("NotOwned")
        assert_nothing_was_written(gitlab)

        delete_identity(gitlab.lab, name)
        gitlab.reconcile_now()
        gitlab.ready(seconds=5)


def test_an_identity_of_another_cluster(gitlab: GitLab) -> None:
    name = f"lab_{gitlab.namespace}_gitlab"  # the same name that this cluster would choose
    theirs = {"gitlabazure-cluster": "prod", "gitlabazure-namespace": "gitlab", "gitlabazure-resource": "main"}
    with foreign_identity(gitlab.lab, name, theirs):
        gitlab.lab.controls.clear_calls()

        gitlab.apply()

        message = stalled(gitlab, "NotOwned")
        assert message == (
            f"Managed identity {name} exists and belongs to prod/gitlab/main. Delete this resource, and create it anew with "
            "another spec.identity.name, which cannot change."
        )
        assert_nothing_was_written(gitlab)

        gitlab.delete()
        assert_nothing_was_written(gitlab)


def test_a_resource_group_that_does_not_exist_yet(new_gitlab: MakeGitLab) -> None:
    gitlab = new_gitlab("later-group")
    lab, group = gitlab.lab, f"{SUBSCRIPTION}/resourceGroups/rg-later"
    with granted(lab, "Managed Identity Contributor", SUBSCRIPTION):
        lab.controls.clear_calls()

        gitlab.apply(azure={"resourceGroup": "rg-later"})

        assert stalled(gitlab, "ResourceGroupNotFound") == (
            "Resource group 'rg-later' could not be found. Create the resource group, or delete this resource, and create it "
            "again with another spec.azure.resourceGroup, which cannot change."
        )
        assert standing(gitlab) == only_identity("ResourceGroupNotFound")
        assert_nothing_was_written(gitlab)

        assert lab.arm("PUT", group, {"location": seeded.LOCATION})[0] == 201
        gitlab.reconcile_now()
        gitlab.ready(seconds=5)
        gitlab.delete()
        assert lab.arm("DELETE", group)[0] in (200, 202)


def test_a_storage_account_that_does_not_exist_yet(gitlab: GitLab) -> None:
    name = f"store{seeded.named_guid(gitlab.namespace)[:8]}"
    with granted(gitlab.lab, "Reader", f"{SUBSCRIPTION}/resourceGroups/{seeded.STORAGE_GROUP}"):
        gitlab.lab.controls.clear_calls()

        gitlab.apply(storage={"accountName": name})

        assert stalled(gitlab, "AccountNotFound") == (
            f"There is no storage account {name} in resource group rg-storage. Create it, or correct "
            "spec.storage.accountName, spec.storage.resourceGroup or spec.storage.subscriptionId."
        )
        assert_nothing_was_written(gitlab)

    create_store(gitlab.lab, name)
    gitlab.ready(seconds=10)  # by itself: the first retries follow within seconds


def test_a_field_that_is_set_nowhere(gitlab: GitLab, operator: Operator) -> None:
    operator.restart(defaults={"resourceGroup": "rg-gitlab", "subscriptionId": seeded.SUBSCRIPTION})
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage={"accountName": "gitlabstore", "resourceGroup": "rg-storage"})

    assert stalled(gitlab, "NotConfigured") == (
        "spec.azure.location is not set and the operator has no default for it: set it in the resource, or "
        "defaults.location in the operator's settings."
    )
    assert_nothing_was_written(gitlab)

    operator.restart()
    gitlab.ready(seconds=10)


def test_a_container_that_does_not_exist_is_reported_until_it_exists(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storeofnames")  # the account that tests share has containers of many names

    gitlab.apply(storage={"accountName": "storeofnames", "containers": {"artifacts": {"name": "artifacts"}}})

    assert stalled(gitlab, "ContainerNotFound") == (
        "There is no container artifacts of storage account storeofnames. Did you mean gitlab-artifacts? Create it: "
        "az storage container create --auth-mode login --account-name storeofnames --name artifacts"
    )
    assert standing(gitlab) == {
        "Ready": "False ContainerNotFound",
        "Stalled": "True ContainerNotFound",
        "IdentityReady": "True Created",
        "CredentialsFederated": "True Federated",
        "RolesAssigned": "True Assigned",
        "ServiceAccountsAnnotated": "True Annotated",
        "SecretsWritten": "True Written",
        "AccessVerified": "False ContainerNotFound",
        "WorkloadsReady": "Unknown NotDeployed",
    }
    states = {entry["purpose"]: entry["state"] for entry in gitlab.live()["status"]["containers"]}
    assert states["artifacts"] == "ContainerNotFound"
    assert states["registry"] == "Verified"

    create_container(gitlab.lab, "artifacts", "storeofnames")
    gitlab.ready(seconds=10)


def test_the_same_refusal_is_reported_once(gitlab: GitLab) -> None:
    gitlab.apply(storage={"accountName": "otherstore"})
    stalled(gitlab, "NotPermitted")
    gitlab.reconcile_now()
    gitlab.reconcile_now()

    events = [event for event in gitlab.events() if event["reason"] == "NotPermitted"]
    assert len(events) == 1
    assert events[0]["type"] == "Warning"
    versions = {json_of_conditions(v) for v in gitlab.watch.versions(gitlab.namespace) if seen(v)}
    assert len(versions) == 1


def json_of_conditions(version: dict[str, object]) -> str:
    status = version["status"]
    assert isinstance(status, dict)
    return repr(status["conditions"])
