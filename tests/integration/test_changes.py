"""Changes of the spec: new objects are created, former ones of ours are removed, and nothing that is in use is interrupted."""

import pytest

from .behind import (
    VALUES,
    annotations,
    annotations_for,
    create_container,
    create_service_account,
    create_store,
    patch,
    reasons,
)
from .operating import STORAGE
from .resources import GitLab
from .watching import Object


def change(gitlab: GitLab, **spec: object) -> Object:
    """`kubectl patch`, and wait until the change is Ready."""
    gitlab.lab.controls.clear_calls()
    patch(gitlab, "gai", "gitlab", {"spec": spec})
    return gitlab.ready()


def writes(gitlab: GitLab) -> list[tuple[str, str]]:
    """Method and kind of each write, in the order in which Azure answered."""
    return [(call.method, call.path.split("/")[-2]) for call in gitlab.writes()]


def subjects(gitlab: GitLab) -> set[str]:
    prefix = f"system:serviceaccount:{gitlab.namespace}:"
    return {each["properties"]["subject"].removeprefix(prefix) for each in gitlab.credentials()}


def test_another_storage_account(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storeone")
    before = gitlab.apply().ready()["status"]["identity"]

    found = change(gitlab, storage={"accountName": "storeone"})

    assert found["status"]["identity"] == before
    assert (len(gitlab.assignments("storeone")), len(gitlab.assignments("gitlabstore"))) == (1, 1)
    gitlab.reconcile_now()  # access at the new account was proven
    assert (len(gitlab.assignments("storeone")), gitlab.assignments("gitlabstore")) == (1, [])
    assert writes(gitlab) == [("PUT", "roleAssignments"), ("DELETE", "roleAssignments")]  # in this order
    (shown,) = gitlab.live()["status"]["roleAssignments"]
    assert shown["scope"] == f"{STORAGE}/storeone"
    assert "accountname: 'storeone'" in gitlab.secret("gitlab-registry-storage")["config"]
    assert "azure_storage_account_name: 'storeone'" in gitlab.secret("gitlab-object-storage")["connection"]
    assert "azure_storage_account_name: 'storeone'" in gitlab.secret("gitlab-azure-backup-conf")["config"]
    row = gitlab.lab.kubectl("get", "gai", "-n", gitlab.namespace, "--no-headers")
    assert "storeone" in row.split()
    assert "DriftRepaired" not in reasons(gitlab)  # a person asked for it


def test_an_account_without_rights_for_us_changes_nothing_yet(gitlab: GitLab) -> None:
    """Azure does not even say whether the account exists to somebody who may not read it."""
    gitlab.apply().ready()
    gitlab.lab.controls.clear_calls()

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"accountName": "storelater"}}})
    gitlab.condition("Ready", "False", "AuthorizationFailed")

    assert gitlab.writes() == []
    assert len(gitlab.assignments("gitlabstore")) == 1
    assert "accountname: 'gitlabstore'" in gitlab.secret("gitlab-registry-storage")["config"]
    assert 'Grant its identity "Role Based Access Control Administrator"' in gitlab.message("Ready")

    create_store(gitlab.lab, "storelater")
    gitlab.reconcile_now()
    gitlab.ready()
    gitlab.reconcile_now()
    assert gitlab.assignments("gitlabstore") == []
    assert len(gitlab.assignments("storelater")) == 1


def test_deleted_while_it_wants_an_account_that_was_never_reached(gitlab: GitLab) -> None:
    """A mistyped name must not block a deletion: nothing was ever created at that account."""
    gitlab.apply().ready()
    principal = gitlab.principal
    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"accountName": "storemistyped"}}})
    gitlab.condition("Ready", "False", "AuthorizationFailed")

    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []


def state_of(found: Object, purpose: str) -> tuple[str, str]:
    """The name and the state of a purpose's container."""
    (container,) = (each for each in found["status"]["containers"] if each["purpose"] == purpose)
    return container["name"], container["state"]


def test_another_container(gitlab: GitLab) -> None:
    create_container(gitlab.lab, "registry-two")
    gitlab.apply().ready()

    found = change(gitlab, storage={"containers": {"registry": {"name": "registry-two"}}})

    assert writes(gitlab) == []  # Account scope grants access to all containers
    assert "container: 'registry-two'" in gitlab.secret("gitlab-registry-storage")["config"]
    assert "bucket: 'registry-two'" in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]
    assert state_of(found, "registry") == ("registry-two", "Verified")


def test_a_container_that_is_named_is_added_to_the_values(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    assert "pages" not in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]

    found = change(gitlab, storage={"containers": {"pages": {}}})

    assert state_of(found, "pages") == ("gitlab-pages", "Verified")
    text = gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]
    assert "  pages:\n    objectStore:\n      enabled: true\n      bucket: 'gitlab-pages'\n" in text


def test_a_disabled_container_is_neither_verified_nor_in_the_values(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    found = change(gitlab, storage={"containers": {"registry": {"management": "Disabled"}}})

    assert "registry" not in {each["purpose"] for each in found["status"]["containers"]}
    assert not gitlab.exists("secret", "gitlab-registry-storage")
    assert "registry" not in found["status"]["secrets"]
    assert "registry" not in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]

    change(gitlab, storage={"containers": {"registry": {"management": "Observe"}}})
    assert gitlab.exists("secret", "gitlab-registry-storage")


def test_service_accounts_are_added_and_removed(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    found = change(gitlab, serviceAccounts=[{"name": "gitlab"}, {"name": "gitlab-registry"}])

    client_id = found["status"]["identity"]["clientId"]
    assert writes(gitlab) == [("PUT", "federatedIdentityCredentials")]
    assert subjects(gitlab) == {"gitlab", "gitlab-registry"}
    assert annotations(gitlab, "gitlab-registry") == annotations_for(client_id)
    assert gitlab.message("AccessVerified").startswith("2 service accounts exchanged a token at Entra")

    found = change(gitlab, serviceAccounts=[{"name": "gitlab-registry"}])

    assert writes(gitlab) == [("DELETE", "federatedIdentityCredentials")]
    assert subjects(gitlab) == {"gitlab-registry"}
    assert not gitlab.exists("serviceaccount", "gitlab")
    assert found["status"]["serviceAccounts"] == [{"name": "gitlab-registry", "management": "Manage"}]
    assert any("Removed " in event["message"] for event in gitlab.events())


def test_a_new_service_account_is_created_before_the_former_one_is_deleted(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    change(gitlab, serviceAccounts=[{"name": "fresh"}])

    assert writes(gitlab) == [("PUT", "federatedIdentityCredentials"), ("DELETE", "federatedIdentityCredentials")]
    assert subjects(gitlab) == {"fresh"}


def test_somebody_elses_service_account_gets_the_annotation_and_loses_it_again(gitlab: GitLab) -> None:
    create_service_account(gitlab, "helm-made", **{"meta.helm.sh/release-name": "gitlab"})
    accounts = [{"name": "gitlab"}, {"name": "helm-made", "management": "Annotate"}]

    found = gitlab.apply(serviceAccounts=accounts).ready()

    client_id = found["status"]["identity"]["clientId"]
    assert annotations(gitlab, "helm-made") == {"meta.helm.sh/release-name": "gitlab"} | annotations_for(client_id)
    assert "labels" not in gitlab.fetch("serviceaccount", "helm-made")["metadata"]
    assert "automountServiceAccountToken" not in gitlab.fetch("serviceaccount", "helm-made")
    assert "helm-made" not in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]

    change(gitlab, serviceAccounts=[{"name": "gitlab"}])

    assert annotations(gitlab, "helm-made") == {"meta.helm.sh/release-name": "gitlab"}
    assert subjects(gitlab) == {"gitlab"}


def test_a_deletion_removes_the_annotation_from_somebody_elses_service_account(gitlab: GitLab) -> None:
    create_service_account(gitlab, "helm-made", **{"meta.helm.sh/release-name": "gitlab"})
    gitlab.apply(serviceAccounts=[{"name": "helm-made", "management": "Annotate"}]).ready()

    gitlab.delete()

    assert annotations(gitlab, "helm-made") == {"meta.helm.sh/release-name": "gitlab"}


def test_a_service_account_to_annotate_that_does_not_exist_yet(gitlab: GitLab) -> None:
    gitlab.apply(serviceAccounts=[{"name": "later", "management": "Annotate"}]).condition("Ready", "False", "NotFound")
    assert gitlab.message("Ready") == (
        "Service account later does not exist. With management: Annotate somebody else creates it, such as the GitLab "
        "chart; with management: Manage the operator does."
    )

    create_service_account(gitlab, "later")
    gitlab.reconcile_now()

    assert annotations(gitlab, "later") == annotations_for(gitlab.ready()["status"]["identity"]["clientId"])


def test_a_secret_renamed(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    text = gitlab.secret("gitlab-object-storage")

    found = change(gitlab, secrets={"objectStorage": {"name": "rails-storage"}})

    assert gitlab.secret("rails-storage") == text
    assert not gitlab.exists("secret", "gitlab-object-storage")
    assert found["status"]["secrets"]["objectStorage"] == "rails-storage"
    assert "retiredSecrets" not in found["status"]
    assert "secret: 'rails-storage'" in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]


def test_a_renamed_key_replaces_the_former_one(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    text = gitlab.secret("gitlab-azure-backup-conf")["config"]

    change(gitlab, secrets={"backups": {"key": "azure"}})

    assert gitlab.secret("gitlab-azure-backup-conf") == {"azure": text}


def test_two_secrets_become_one_and_two_again(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    shared = {"objectStorage": {"name": "storage"}, "backups": {"name": "storage"}}
    change(gitlab, secrets=shared)

    assert sorted(gitlab.secret("storage")) == ["config", "connection"]
    assert not gitlab.exists("secret", "gitlab-object-storage")
    assert not gitlab.exists("secret", "gitlab-azure-backup-conf")

    change(gitlab, secrets={"objectStorage": {"name": None}, "backups": {"name": None}})

    assert not gitlab.exists("secret", "storage")
    assert sorted(gitlab.secret("gitlab-object-storage")) == ["connection"]


@pytest.mark.parametrize("entry", ["registry", "objectStorage", "backups"])
def test_a_disabled_secret_is_deleted_and_created_again(gitlab: GitLab, entry: str) -> None:
    name = gitlab.apply().ready()["status"]["secrets"][entry]

    found = change(gitlab, secrets={entry: {"management": "Disabled"}})

    assert not gitlab.exists("secret", name)
    assert entry not in found["status"]["secrets"]
    assert name not in gitlab.fetch("configmap", VALUES)["data"]["values.yaml"]
    assert len(found["status"]["secrets"]) == 2

    change(gitlab, secrets={entry: {"management": "Manage"}})
    assert gitlab.exists("secret", name)


def test_tags_are_merged_into_the_identity(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    change(gitlab, azure={"tags": {"team": "platform"}})

    assert gitlab.identities()[0]["tags"]["team"] == "platform"
    assert writes(gitlab) == [("PUT", "userAssignedIdentities")]


def test_registry_parameters_reach_the_driver(gitlab: GitLab) -> None:
    parameters = {
        "rootDirectory": "/registry",
        "trimLegacyRootPrefix": True,
        "maxRetries": 5,
        "retryDelay": "4s",
        "debugLog": True,
        "debugLogEvents": ["request", "response"],
    }

    gitlab.apply(secrets={"registry": {"parameters": parameters}}).ready()

    assert gitlab.secret("gitlab-registry-storage")["config"] == (
        "azure_v2:\n"
        "  accountname: 'gitlabstore'\n"
        "  container: 'registry'\n"
        "  credentials_type: default_credentials\n"
        "  credentialstype: default_credentials\n"
        "  realm: core.windows.net\n"
        "  rootdirectory: '/registry'\n"
        "  trimlegacyrootprefix: true\n"
        "  max_retries: 5\n"
        "  retry_delay: '4s'\n"
        "  debug_log: true\n"
        "  debug_log_events: 'request,response'\n"
    )


def test_several_changes_in_one_edit(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storemany")
    before = gitlab.apply().ready()["status"]["identity"]

    found = change(
        gitlab,
        storage={"accountName": "storemany"},
        serviceAccounts=[{"name": "gitlab"}, {"name": "gitlab-registry"}],
        secrets={"backups": {"management": "Disabled"}},
    )

    assert found["status"]["identity"] == before
    assert subjects(gitlab) == {"gitlab", "gitlab-registry"}
    gitlab.reconcile_now()
    assert (len(gitlab.assignments("storemany")), gitlab.assignments("gitlabstore")) == (1, [])
    principal = gitlab.principal
    gitlab.delete()
    assert gitlab.assignments("storemany", principal) == []
