"""The Container scope: the role at each container and nowhere else, and the right to sign URLs at the account."""

from lab.azure import seeded

from .behind import CLIENT_ID, annotations, create_container, create_service_account, patch, reasons
from .operating import STORAGE, Operator
from .resources import CONTRIBUTOR, DELEGATOR, GitLab
from .watching import Object

ACCOUNT = f"{STORAGE}/gitlabstore"
DEFAULT = {"registry", "gitlab-artifacts", "git-lfs", "gitlab-uploads", "gitlab-packages", "gitlab-backups", "tmp"}


def storage(**containers: Object) -> Object:
    return {"accountName": "gitlabstore", "roleScope": "Container", "containers": containers}


def at(container: str) -> str:
    return f"{ACCOUNT}/blobServices/default/containers/{container}"


def granted(gitlab: GitLab) -> set[tuple[str, str]]:
    """Role and scope of the identity's assignments, in words."""
    names = {CONTRIBUTOR: "contributor", DELEGATOR: "delegator"}
    found = gitlab.assignments()
    return {
        (names[each["properties"]["roleDefinitionId"].rpartition("/")[2]], each["properties"]["scope"])
        for each in found
    }


def test_each_container_is_granted_and_the_account_only_for_signing(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply(storage=storage()).ready()

    wanted = {("delegator", ACCOUNT), *(("contributor", at(container)) for container in DEFAULT)}
    assert granted(gitlab) == wanted
    assert len(gitlab.assignments()) == 8
    assert len(gitlab.writes()) == 2 + 8
    assert {(each["role"], each["scope"]) for each in found["status"]["roleAssignments"]} == {
        ("Storage Blob Delegator", ACCOUNT),
        *(("Storage Blob Data Contributor", at(container)) for container in DEFAULT),
    }
    assert {each["name"] for each in found["status"]["containers"] if each["state"] == "Verified"} == DEFAULT
    assert gitlab.message("RolesAssigned").startswith(
        '"Storage Blob Delegator" at storage account gitlabstore; "Storage Blob Data Contributor" at container registry'
    )
    principal = gitlab.principal

    gitlab.delete()

    assert gitlab.assignments(principal=principal) == []


def test_a_pass_that_changes_nothing_still_reads_three_times(gitlab: GitLab) -> None:
    gitlab.apply(storage=storage()).ready()
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert [call.method for call in gitlab.calls()] == ["GET"] * 3


def test_from_account_to_containers_and_back(gitlab: GitLab, operator: Operator) -> None:
    """The former roles stay until the new ones are known everywhere, which is at once here, and access was proven."""
    operator.restart(propagationLimit=0)
    before = gitlab.apply().ready()["status"]["identity"]
    assert granted(gitlab) == {("contributor", ACCOUNT)}
    gitlab.lab.controls.clear_calls()

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"roleScope": "Container"}}})
    gitlab.ready()

    narrow = {("delegator", ACCOUNT), *(("contributor", at(container)) for container in DEFAULT)}
    assert granted(gitlab) == narrow | {("contributor", ACCOUNT)}
    assert gitlab.message("RolesAssigned").endswith(
        "Former role assignments at storage account gitlabstore stay until these are proven to work."
    )
    gitlab.reconcile_now()
    assert granted(gitlab) == narrow
    assert [call.method for call in gitlab.writes()] == ["PUT"] * 8 + ["DELETE"]

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"roleScope": "Account"}}})
    gitlab.ready()
    gitlab.reconcile_now()

    found = gitlab.live()
    assert granted(gitlab) == {("contributor", ACCOUNT)}
    assert found["status"]["identity"] == before
    assert len(found["status"]["roleAssignments"]) == 1
    assert reasons(gitlab).count("DriftRepaired") == 0


def test_a_container_added_and_one_disabled(gitlab: GitLab) -> None:
    create_container(gitlab.lab, "gitlab-terraform-state")
    gitlab.apply(storage=storage()).ready()
    gitlab.lab.controls.clear_calls()

    containers = {"terraformState": {}, "packages": {"management": "Disabled"}}
    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"containers": containers}}})
    gitlab.ready()
    gitlab.reconcile_now()  # after access was proven

    assert ("contributor", at("gitlab-terraform-state")) in granted(gitlab)
    assert ("contributor", at("gitlab-packages")) not in granted(gitlab)
    assert [call.method for call in gitlab.writes()] == ["PUT", "DELETE"]


def test_only_the_removed_role_at_one_container_is_restored(gitlab: GitLab) -> None:
    gitlab.apply(storage=storage()).ready()
    (lost,) = [each for each in gitlab.assignments() if each["properties"]["scope"] == at("git-lfs")]
    assert gitlab.azure("DELETE", lost["id"])[0] == 200
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert [(call.method, call.path) for call in gitlab.writes()] == [("PUT", lost["id"])]
    assert gitlab.events()[-1]["message"] == (
        'Restored role assignment "Storage Blob Data Contributor" at container git-lfs of storage account gitlabstore.'
    )


def test_a_missing_container_is_reported_and_access_verified_when_it_exists(gitlab: GitLab) -> None:
    gitlab.apply(storage=storage(pages={"name": "late-pages"})).condition(
        "AccessVerified", "False", "ContainerNotFound"
    )
    assert gitlab.message("Ready") == (
        "There is no container late-pages of storage account gitlabstore. Create it: az storage container create "
        "--auth-mode login --account-name gitlabstore --name late-pages"
    )

    create_container(gitlab.lab, "late-pages")
    gitlab.reconcile_now()

    gitlab.ready()
    assert ("contributor", at("late-pages")) in granted(gitlab)


def test_three_service_accounts_one_of_them_somebody_elses(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab-toolbox", **{"meta.helm.sh/release-name": "gitlab"})
    accounts = [
        {"name": "gitlab"},
        {"name": "gitlab-registry"},
        {"name": "gitlab-toolbox", "management": "Annotate"},
    ]

    found = gitlab.apply(storage=storage(), serviceAccounts=accounts).ready()

    client_id = found["status"]["identity"]["clientId"]
    for name in ("gitlab", "gitlab-registry", "gitlab-toolbox"):
        assert annotations(gitlab, name)[CLIENT_ID] == client_id
    assert {each["properties"]["subject"] for each in gitlab.credentials()} == {
        f"system:serviceaccount:{gitlab.namespace}:{name}" for name in ("gitlab", "gitlab-registry", "gitlab-toolbox")
    }
    assert {each["properties"]["issuer"] for each in gitlab.credentials()} == {seeded.ISSUER}
    assert found["status"]["serviceAccounts"] == [
        {"name": "gitlab", "management": "Manage"},
        {"name": "gitlab-registry", "management": "Manage"},
        {"name": "gitlab-toolbox", "management": "Annotate"},
    ]
    values = gitlab.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"]
    assert "    name: 'gitlab-registry'\n" in values
    assert "gitlab-toolbox" not in values

    gitlab.delete()

    assert annotations(gitlab, "gitlab-toolbox") == {"meta.helm.sh/release-name": "gitlab"}
    assert not gitlab.exists("serviceaccount", "gitlab-registry")
