"""Roles that are missing, elsewhere, too small, or taken away in part."""

from tests.integration.operating import STORAGE
from tests.integration.owner import without_rights
from tests.integration.test_access import BLOBS, READ_ONLY

from .scene import ACCOUNT, Scene

CONTAINERS = ("registry", "gitlab-artifacts", "git-lfs", "gitlab-uploads", "gitlab-packages", "gitlab-backups", "tmp")
"""Those of a resource that names none."""
SIGN = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"


def no_role(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.observes(theirs)


def role_at_another_account(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, scope=f"{STORAGE}/otherstore")
    scene.observes(theirs)


def role_that_manages_the_account_and_not_its_blobs(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, "Storage Account Contributor")
    scene.observes(theirs)


def role_that_only_reads(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, "Storage Blob Data Reader")
    scene.observes(theirs)


def role_at_one_container_alone(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, scope=_container("registry"))
    scene.observes(theirs)


def no_delegator_beside_roles_at_containers(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    for container in CONTAINERS:
        scene.has_role(theirs, scope=_container(container))
    scene.observes(theirs, storage={"accountName": "gitlabstore", "roleScope": "Container"})


def _container(name: str) -> str:
    return f"{ACCOUNT}/blobServices/default/containers/{name}"


def role_with_a_condition(scene: Scene) -> None:
    theirs, store = scene.identity(), scene.create_store()
    scene.has_role(theirs, scope=f"{STORAGE}/{store}", condition=READ_ONLY, conditionVersion="2.0")
    scene.apply_on(store, identity={"name": theirs["name"]})


def denied_to_write_blobs(scene: Scene) -> None:
    scene.azure.deny(f"{STORAGE}/{scene.create_store()}", data_actions=[f"{BLOBS}/write", f"{BLOBS}/add/action"])
    scene.apply_on(scene.store)


def denied_to_sign_addresses(scene: Scene) -> None:
    scene.azure.deny(f"{STORAGE}/{scene.create_store()}", actions=[SIGN])
    scene.apply_on(scene.store)


def operator_that_may_not_assign(scene: Scene) -> None:
    scene.ends.enter_context(without_rights(scene.lab, ACCOUNT))
    scene.gitlab.apply()


def operator_that_is_denied_to_assign(scene: Scene) -> None:
    scene.azure.deny(ACCOUNT, actions=["Microsoft.Authorization/roleAssignments/write"])
    scene.gitlab.apply()


def no_room_for_assignments(scene: Scene) -> None:
    scene.azure.add_fault(
        "PUT */roleassignments/*",
        status=400,
        code="RoleAssignmentLimitExceeded",
        message="The number of role assignments has reached the limit.",
        times=1000,
    )
    scene.gitlab.apply()
