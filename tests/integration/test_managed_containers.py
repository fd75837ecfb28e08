"""Containers that are missing: created by the identity itself where the resource says so, and told with the nearest name else."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.running import Lab

from .behind import create_container, until_events
from .colleague import Colleague
from .operating import STORAGE
from .owner import stalled
from .resources import GitLab
from .watching import Object

CONTAINERS = f"{STORAGE}/gitlabstore/blobServices/default/containers"


@pytest.fixture
def name(lab: Lab) -> Iterator[str]:
    """The name of a container that does not exist. It is deleted at the end."""
    name = f"gitlab-mr-diffs-{uuid.uuid4().hex[:6]}"
    yield name
    lab.arm("DELETE", f"{CONTAINERS}/{name}")


def exists(lab: Lab, container: str) -> bool:
    return lab.arm("GET", f"{CONTAINERS}/{container}")[0] == 200


def storage(name: str, management: str, **more: str) -> Object:
    return {
        "accountName": "gitlabstore",
        "containers": {"externalDiffs": {"name": name, "management": management}},
        **more,
    }


def state(gitlab: GitLab, name: str) -> str:
    return next(str(one["state"]) for one in gitlab.live()["status"]["containers"] if one["name"] == name)


def test_a_missing_container_is_created_by_the_identity_and_never_deleted(gitlab: GitLab, name: str) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply(storage=storage(name, "Manage")).ready()

    assert exists(gitlab.lab, name)
    assert state(gitlab, name) == "Verified"
    until_events(gitlab, "Applied", "Applied", "Ready")
    assert f"Created container {name} of storage account gitlabstore." in {one["message"] for one in gitlab.events()}
    (made,) = [
        call
        for call in gitlab.lab.controls.calls()
        if call.method == "PUT" and call.host.startswith("gitlabstore.blob") and call.path == f"/{name}"
    ]
    assert (made.caller, made.status) == (gitlab.identity_name, 201)

    gitlab.delete()

    assert exists(gitlab.lab, name)


def test_a_container_that_exists_is_used_as_it_is(gitlab: GitLab, name: str) -> None:
    create_container(gitlab.lab, name)

    gitlab.apply(storage=storage(name, "Manage")).ready()

    until_events(gitlab, "Applied", "Ready")


def test_a_container_that_is_being_deleted_is_waited_for(gitlab: GitLab, name: str) -> None:
    """Azure frees the name at least 30 seconds after a deletion (Microsoft Learn, "Delete Container")."""
    gitlab.lab.controls.add_fault(f"PUT /{name}", status=409, code="ContainerBeingDeleted", times=2)

    gitlab.apply(storage=storage(name, "Manage"))

    gitlab.condition("AccessVerified", "Unknown", "BeingDeleted")
    gitlab.ready()
    assert exists(gitlab.lab, name)


def test_a_container_that_somebody_deleted_is_not_created_again(gitlab: GitLab, name: str) -> None:
    """Soft delete may keep it, and it can be restored only while no other has its name."""
    gitlab.apply(storage=storage(name, "Manage")).ready()

    assert gitlab.azure("DELETE", f"{CONTAINERS}/{name}")[0] == 200
    gitlab.reconcile_now()

    assert f"{name} existed before: restore what soft delete keeps" in stalled(gitlab, "ContainerNotFound")
    gitlab.reconcile_now()
    assert not exists(gitlab.lab, name)
    create_container(gitlab.lab, name)
    gitlab.reconcile_now()
    gitlab.ready()


def test_a_misspelt_name_is_told_with_the_one_that_was_meant(gitlab: GitLab, name: str) -> None:
    create_container(gitlab.lab, name)

    gitlab.apply(storage=storage(f"{name}s", "Observe"))

    assert stalled(gitlab, "ContainerNotFound") == (
        f"There is no container {name}s of storage account gitlabstore. Did you mean {name}? "
        f"Create it: az storage container create --auth-mode login --account-name gitlabstore --name {name}s"
    )
    assert state(gitlab, f"{name}s") == "ContainerNotFound"
    assert not exists(gitlab.lab, f"{name}s")


def test_without_a_role_at_the_account_the_missing_container_is_told_alone(gitlab: GitLab, name: str) -> None:
    create_container(gitlab.lab, name)

    gitlab.apply(storage=storage(f"{name}s", "Observe", roleScope="Container"))

    assert stalled(gitlab, "ContainerNotFound").startswith(
        f"There is no container {name}s of storage account gitlabstore. Create it: "
    )


def test_what_cannot_create_a_container_is_refused(gitlab: GitLab) -> None:
    assert "use roleScope: Account, or create the containers" in gitlab.refused(
        storage=storage("own", "Manage", roleScope="Container")
    )
    assert "use verification: Report, or create the containers" in gitlab.refused(
        storage=storage("own", "Manage"), verification="Disabled"
    )


def test_plan_shows_the_container_that_would_be_created(
    gitlab: GitLab, reader: Colleague, tmp_path: Path, name: str
) -> None:
    file = gitlab.written(tmp_path, storage=storage(name, "Manage"))

    ran = reader.gai("plan", "-f", file)

    assert (ran.returncode, ran.stderr) == (0, "")
    told = [line.strip() for line in ran.stdout.splitlines()]
    assert told[0] == f"{gitlab.namespace}/gitlab: 9 changes"
    assert told[5:7] == [f"+ container {name} of storage account gitlabstore", "in the cluster"]
    (change,) = [one for one in reader.answer("plan", "-f", file)["changes"] if one["link"] == "AccessVerified"]
    assert (change["action"], change["in"]) == ("create", "Azure")
    assert not exists(gitlab.lab, name)

    gitlab.apply(storage=storage(name, "Manage")).ready()

    ran = reader.gai("plan", "gitlab", "-n", gitlab.namespace)
    assert (ran.returncode, ran.stdout) == (0, f"{gitlab.namespace}/gitlab: no change\n")


def test_plan_says_which_containers_are_missing_and_stay_so(
    gitlab: GitLab, reader: Colleague, tmp_path: Path, name: str
) -> None:
    create_container(gitlab.lab, name)

    misspelt = reader.gai("plan", "-f", gitlab.written(tmp_path, storage=storage(f"{name}s", "Observe")))

    assert misspelt.returncode == 1
    assert misspelt.stdout.startswith(f"{gitlab.namespace}/gitlab: 8 changes\n")
    assert f"AccessVerified ContainerNotFound: There is no container {name}s " in misspelt.stdout
    assert f"Did you mean {name}?" in misspelt.stdout

    gitlab.apply(storage=storage(name, "Manage")).ready()
    assert gitlab.azure("DELETE", f"{CONTAINERS}/{name}")[0] == 200

    deleted = reader.gai("plan", "gitlab", "-n", gitlab.namespace)
    assert deleted.returncode == 1
    assert deleted.stdout.startswith(f"{gitlab.namespace}/gitlab: no change\n")
    assert f"{name} existed before: restore what soft delete keeps" in deleted.stdout


def test_plan_creates_no_container_behind_what_is_in_the_way(
    gitlab: GitLab, reader: Colleague, tmp_path: Path, name: str
) -> None:
    """The operator attempts access, and so learns of a missing container, only where every other link holds."""
    metadata = {"name": "gitlab-object-storage", "namespace": gitlab.namespace}
    gitlab.lab.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": metadata}])

    ran = reader.gai("plan", "-f", gitlab.written(tmp_path, storage=storage(name, "Manage")))

    assert ran.returncode == 1
    assert "SecretsWritten NotOwned: " in ran.stdout
    assert f"+ container {name}" not in ran.stdout


def test_plan_says_that_it_could_not_list_the_containers(
    gitlab: GitLab, reader: Colleague, tmp_path: Path, name: str
) -> None:
    gitlab.lab.controls.add_fault(f"GET {CONTAINERS}", status=403, code="AuthorizationFailed")

    ran = reader.gai("plan", "-f", gitlab.written(tmp_path, storage=storage(name, "Manage")))

    assert ran.returncode == 2
    assert (
        "You may not list the containers of storage account gitlabstore. Ask for the role Reader there." in ran.stdout
    )
