"""The whole life of a resource: applied, Ready, kept, and deleted."""

import json

from lab.azure import seeded

from .behind import CREATED_BY, OBJECTS, SECRETS, VALUES, annotations_for, reasons, remove, until_events
from .operating import GROUP, STORAGE
from .resources import CONTRIBUTOR, GitLab

GOLDEN_VALUES = """\
global:
  minio:
    enabled: false
  serviceAccount:
    enabled: true
    create: false
    name: 'gitlab'
  registry:
    bucket: 'registry'
  appConfig:
    object_store:
      enabled: true
      proxy_download: true
      connection:
        secret: 'gitlab-object-storage'
        key: 'connection'
    artifacts:
      bucket: 'gitlab-artifacts'
    lfs:
      bucket: 'git-lfs'
    uploads:
      bucket: 'gitlab-uploads'
    packages:
      bucket: 'gitlab-packages'
    backups:
      bucket: 'gitlab-backups'
      tmpBucket: 'tmp'
registry:
  podLabels:
    azure.workload.identity/use: 'true'
  storage:
    secret: 'gitlab-registry-storage'
    key: 'config'
gitlab:
  webservice:
    podLabels:
      azure.workload.identity/use: 'true'
  sidekiq:
    podLabels:
      azure.workload.identity/use: 'true'
  toolbox:
    podLabels:
      azure.workload.identity/use: 'true'
    backups:
      objectStorage:
        backend: azure
        config:
          secret: 'gitlab-azure-backup-conf'
          key: 'config'
"""


def test_from_apply_to_ready_takes_three_writes_and_at_most_three_reads(gitlab: GitLab) -> None:
    """The identity in two ways, since its absence takes two answers. And the storage account, once for all of its resources."""
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply().ready()

    assert [(call.method, call.status) for call in gitlab.writes()] == [("PUT", 201)] * 3
    assert len(gitlab.calls()) - len(gitlab.writes()) in (2, 3)
    (identity,) = gitlab.identities()
    assert found["status"]["identity"]["clientId"] == identity["properties"]["clientId"]
    (credential,) = gitlab.credentials()
    assert credential["properties"]["issuer"] == seeded.ISSUER
    assert credential["properties"]["subject"] == f"system:serviceaccount:{gitlab.namespace}:gitlab"
    assert credential["properties"]["audiences"] == ["api://AzureADTokenExchange"]
    (assignment,) = gitlab.assignments()
    assert assignment["properties"]["roleDefinitionId"].endswith(CONTRIBUTOR)
    assert assignment["properties"]["principalType"] == "ServicePrincipal"


def test_once_ready_no_pass_is_made_until_somebody_asks(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()
    gitlab.apply().ready()

    gitlab.reconcile_now()

    reads = [call.path for call in gitlab.calls() if call.method == "GET"]
    account = f"{STORAGE}/gitlabstore"
    # Two for the creation, three for the answer, and none for a pass in between.
    assert len([path for path in reads if path.partition("?")[0] != account]) == 2 + 3
    assert (
        len([path for path in reads if path.partition("?")[0] == account]) <= 1
    )  # one an hour for all of its resources


def test_every_condition_of_a_ready_resource_holds_and_says_why(gitlab: GitLab) -> None:
    status = gitlab.apply().ready()["status"]

    found = {each["type"]: (each["status"], each["reason"], each["message"]) for each in status["conditions"]}
    assert found == {
        "Ready": ("True", "Ready", "GitLab can reach its storage as the managed identity."),
        "IdentityReady": ("True", "Created", f"Managed identity lab_{gitlab.namespace}_gitlab exists and is ours."),
        "CredentialsFederated": (
            "True",
            "Federated",
            f"1 service account is trusted through issuer {seeded.ISSUER}.",
        ),
        "RolesAssigned": ("True", "Assigned", '"Storage Blob Data Contributor" at storage account gitlabstore.'),
        "ServiceAccountsAnnotated": (
            "True",
            "Annotated",
            "1 service account is annotated with client ID and tenant ID.",
        ),
        "SecretsWritten": ("True", "Written", f"{', '.join(sorted(SECRETS))}, {VALUES}."),
        "AccessVerified": (
            "True",
            "Verified",
            (
                "1 service account exchanged a token at Entra. The identity may list, read, write and delete in 7 containers of "
                "gitlabstore, and sign addresses."
            ),
        ),
        "WorkloadsReady": (
            "Unknown",
            "NotDeployed",
            (
                f"Release gitlab has no pods that use storage in namespace {gitlab.namespace}. Install GitLab with the values of "
                f"config map {VALUES}, or name its release in spec.gitlab.release."
            ),
        ),
    }
    assert {each["observedGeneration"] for each in status["conditions"]} == {1}


def test_status_names_everything_that_exists(gitlab: GitLab) -> None:
    status = gitlab.apply().ready()["status"]

    (identity,), (credential,), (assignment,) = gitlab.identities(), gitlab.credentials(), gitlab.assignments()
    assert status["identity"] == {
        "name": identity["name"],
        "resourceId": identity["id"],
        "clientId": identity["properties"]["clientId"],
        "principalId": identity["properties"]["principalId"],
        "tenantId": seeded.TENANT,
        "origin": "Created",
    }
    assert status["issuer"] == seeded.ISSUER
    assert status["federatedCredentials"] == [
        {"name": credential["name"], "subject": f"system:serviceaccount:{gitlab.namespace}:gitlab"}
    ]
    assert status["roleAssignments"] == [
        {
            "name": assignment["name"],
            "role": "Storage Blob Data Contributor",
            "scope": f"{STORAGE}/gitlabstore",
            "principalId": identity["properties"]["principalId"],
        }
    ]
    assert status["serviceAccounts"] == [{"name": "gitlab", "management": "Manage"}]
    assert status["secrets"] == {
        "registry": "gitlab-registry-storage",
        "objectStorage": "gitlab-object-storage",
        "backups": "gitlab-azure-backup-conf",
    }
    assert status["valuesConfigMap"] == VALUES
    assert {(each["purpose"], each["name"], each["state"]) for each in status["containers"]} == {
        ("registry", "registry", "Verified"),
        ("artifacts", "gitlab-artifacts", "Verified"),
        ("lfs", "git-lfs", "Verified"),
        ("uploads", "gitlab-uploads", "Verified"),
        ("packages", "gitlab-packages", "Verified"),
        ("backups", "gitlab-backups", "Verified"),
        ("tmp", "tmp", "Verified"),
    }


def test_the_client_id_is_shown_before_access_is_verified(gitlab: GitLab) -> None:
    gitlab.lab.controls.set(credential_propagation=0.5)

    gitlab.apply().ready()

    versions = gitlab.watch.versions(gitlab.namespace)
    verifying = next(v["status"] for v in versions if "clientId" in v.get("status", {}).get("identity", {}))
    assert {each["type"]: each["status"] for each in verifying["conditions"]}["AccessVerified"] == "Unknown"


def test_kubectl_get_shows_the_essentials(gitlab: GitLab) -> None:
    client_id = gitlab.apply().ready()["status"]["identity"]["clientId"]

    header, row = gitlab.lab.kubectl("get", "gai", "-n", gitlab.namespace).splitlines()
    wide_header, wide = gitlab.lab.kubectl("get", "gai", "-n", gitlab.namespace, "-o", "wide").splitlines()

    assert header.split() == ["NAME", "READY", "REASON", "CLIENT", "ID", "STORAGE", "AGE"]
    assert row.split()[:-1] == ["gitlab", "True", "Ready", client_id, "gitlabstore"]
    assert wide_header.split()[-2:] == ["IDENTITY", "MESSAGE"]
    identity = gitlab.identity_name
    assert wide.endswith(f"{identity}   GitLab can reach its storage as the managed identity.")


def test_the_secrets_and_the_values_are_what_the_chart_reads(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    assert gitlab.secret("gitlab-registry-storage") == {
        "config": (
            "azure_v2:\n"
            "  accountname: 'gitlabstore'\n"
            "  container: 'registry'\n"
            "  credentials_type: default_credentials\n"
            "  credentialstype: default_credentials\n"
            "  realm: core.windows.net\n"
        )
    }
    account = "azure_storage_account_name: 'gitlabstore'\nazure_storage_domain: blob.core.windows.net\n"
    assert gitlab.secret("gitlab-object-storage") == {"connection": f"provider: AzureRM\n{account}"}
    assert gitlab.secret("gitlab-azure-backup-conf") == {"config": account}
    assert gitlab.fetch("configmap", VALUES)["data"] == {"values.yaml": GOLDEN_VALUES}


def test_the_service_account_has_the_client_id_our_label_and_no_token(gitlab: GitLab) -> None:
    client_id = gitlab.apply().ready()["status"]["identity"]["clientId"]

    account = gitlab.fetch("serviceaccount", "gitlab")

    assert account["metadata"]["annotations"] == annotations_for(client_id) | {CREATED_BY: "gitlab"}
    assert account["metadata"]["labels"] == {"gitlabazure.io/owner": "gitlab"}
    assert account["automountServiceAccountToken"] is False


def test_our_objects_have_no_owner_reference_and_one_field_manager(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    for kind, name in OBJECTS:
        shown = gitlab.lab.kubectl("get", kind, "-n", gitlab.namespace, name, "-o", "json", "--show-managed-fields")
        metadata = json.loads(shown)["metadata"]
        managers = {(entry["manager"], entry["operation"]) for entry in metadata["managedFields"]}
        assert managers == {("gitlab-azure-identity:gitlab", "Apply")}, name
        assert "ownerReferences" not in metadata, name


def test_of_the_resource_itself_we_write_the_status_and_a_finalizer(gitlab: GitLab) -> None:
    manifest = json.dumps(gitlab.manifest())
    gitlab.lab.kubectl("create", "-f", "-", stdin=manifest)
    gitlab.uid = gitlab.live()["metadata"]["uid"]
    gitlab.ready()
    gitlab.reconcile_now()

    shown = gitlab.lab.kubectl("get", "gai", "-n", gitlab.namespace, "gitlab", "-o", "json", "--show-managed-fields")
    found = json.loads(shown)
    written = [
        (
            entry["manager"],
            entry["operation"],
            sorted(entry["fieldsV1"]),
            sorted(entry["fieldsV1"].get("f:metadata", ())),
        )
        for entry in found["metadata"]["managedFields"]
        if not entry["manager"].startswith("kubectl")
    ]
    assert written == [
        ("gitlab-azure-identity", "Apply", ["f:metadata"], ["f:finalizers"]),
        ("gitlab-azure-identity", "Apply", ["f:status"], []),
    ]
    assert found["metadata"]["finalizers"] == ["gitlabazure.io/finalizer"]
    assert list(found["metadata"]["annotations"]) == ["gitlabazure.io/requested-at"]  # the one that we added
    versions = gitlab.watch.versions(gitlab.namespace)
    assert all(version["spec"] == found["spec"] for version in versions)
    assert all(version["metadata"]["generation"] == 1 for version in versions)


def test_events_report_only_transitions(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    until_events(gitlab, "Applied", "Ready")
    assert {event["type"] for event in gitlab.events()} == {"Normal"}
    assert gitlab.events()[0]["message"].startswith(f"Wrote managed identity lab_{gitlab.namespace}_gitlab; ")

    gitlab.reconcile_now()
    gitlab.annotate("team=platform")
    gitlab.reconcile_now()

    assert reasons(gitlab) == ["Applied", "Ready"]


def test_a_pass_that_changes_nothing_writes_nothing(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    before = {name: gitlab.fetch(kind, name)["metadata"]["resourceVersion"] for kind, name in OBJECTS}
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert {name: gitlab.fetch(kind, name)["metadata"]["resourceVersion"] for kind, name in OBJECTS} == before
    assert gitlab.writes() == []
    assert len(gitlab.calls()) <= 3
    asked, answered = gitlab.watch.versions(gitlab.namespace)[-2:]  # one version to ask, and one to answer
    assert "lastHandledReconcileAt" not in asked["status"]
    assert answered["status"] | {"lastHandledReconcileAt": ""} == asked["status"] | {"lastHandledReconcileAt": ""}


def test_a_deletion_leaves_nothing(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal

    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    for kind, name in OBJECTS:
        assert not gitlab.exists(kind, name), name
    status, _ = gitlab.azure("GET", f"{STORAGE}/gitlabstore/blobServices/default/containers/registry")
    assert status == 200


def test_objects_that_others_deleted_already_count_as_deleted(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    (identity,) = gitlab.identities()
    gitlab.remove_assignments()
    assert gitlab.azure("DELETE", identity["id"])[0] == 200
    for kind, name in OBJECTS:
        remove(gitlab, kind, name)

    gitlab.delete()

    assert gitlab.azure("GET", f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities")[0] == 200
    assert gitlab.identities() == []


def test_deleting_twice_is_the_same_as_once(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.set(arm_latency=0.1)

    gitlab.ask_to_delete()
    gitlab.delete()

    assert gitlab.identities() == []
    output = gitlab.lab.kubectl("delete", "gai", "-n", gitlab.namespace, "gitlab", "--ignore-not-found")
    assert output == ""


def test_created_again_under_the_same_name_it_is_another_identity(gitlab: GitLab) -> None:
    before = gitlab.apply().ready()["status"]["identity"]
    gitlab.delete()

    after = gitlab.apply().ready()["status"]["identity"]

    assert after["resourceId"] == before["resourceId"]
    assert after["principalId"] != before["principalId"]
    assert len(gitlab.assignments(principal=before["principalId"])) == 0
    assert len(gitlab.assignments()) == 1
