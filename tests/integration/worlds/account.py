"""A storage account that GitLab cannot use, or cannot reach."""

from .scene import Scene


def hierarchical_namespace(scene: Scene) -> None:
    scene.apply_on(scene.create_store(isHnsEnabled=True))


def account_for_files(scene: Scene) -> None:
    scene.apply_on(scene.create_store(kind="FileStorage"))


def firewall(scene: Scene) -> None:
    scene.apply_on(scene.create_store(networkAcls={"defaultAction": "Deny"}))


def no_public_access(scene: Scene) -> None:
    scene.apply_on(scene.create_store(publicNetworkAccess="Disabled"))
