"""Worlds in which nothing is broken, although they are not as most are."""

from tests.integration.behind import create_container, create_service_account

from .scene import STORAGE_GROUP, Scene


def identity_shared_by_permission_of_the_policy(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs, "other", subject="system:serviceaccount:theirs:gitlab")
    scene.gitlab.apply(identity={"name": theirs["name"]})


def everything_is_observed(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, description="terraform")
    scene.observes(theirs)


def role_above_the_account(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs)
    scene.has_role(theirs, "Storage Blob Data Owner", STORAGE_GROUP)
    scene.observes(theirs)


def endpoints_in_a_dns_zone(scene: Scene) -> None:
    scene.apply_on(scene.create_store(dns_zone="z12"))


def keys_switched_off(scene: Scene) -> None:
    scene.apply_on(scene.create_store(allowSharedKeyAccess=False))


def hierarchical_namespace_without_the_registry(scene: Scene) -> None:
    containers = {"registry": {"management": "Disabled"}}
    storage = {"accountName": scene.create_store(isHnsEnabled=True), "containers": containers}
    scene.gitlab.apply(storage=storage, gitlab={"features": "Follow"})


def several_accounts_one_of_them_helms(scene: Scene) -> None:
    create_service_account(scene.gitlab, "gitlab-toolbox", **{"meta.helm.sh/release-name": "gitlab"})
    accounts = [{"name": "gitlab"}, {"name": "gitlab-registry"}, {"name": "gitlab-toolbox", "management": "Annotate"}]
    scene.gitlab.apply(serviceAccounts=accounts)


def purposes_that_are_disabled(scene: Scene) -> None:
    containers = {purpose: {"management": "Disabled"} for purpose in ("packages", "lfs")}
    storage = {"accountName": "gitlabstore", "containers": containers}
    scene.gitlab.apply(storage=storage, gitlab={"features": "Follow"})


def roles_at_containers(scene: Scene) -> None:
    scene.gitlab.apply(storage={"accountName": "gitlabstore", "roleScope": "Container"})


def container_whose_name_is_a_number_to_others(scene: Scene) -> None:
    store = scene.create_store()
    create_container(scene.lab, "0o17", store)
    scene.gitlab.apply(storage={"accountName": store, "containers": {"lfs": {"name": "0o17"}}})
