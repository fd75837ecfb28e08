"""Names that lead nowhere, or to something of somebody else."""

from lab.azure import seeded
from tests.integration.operating import SUBSCRIPTION
from tests.integration.owner import create_identity, delete_identity, granted

from .scene import ELSEWHERE, MISSPELT_GROUP, STORAGE_GROUP, Scene


def misspelt_container(scene: Scene) -> None:
    scene.gitlab.apply(storage={"accountName": "gitlabstore", "containers": {"lfs": {"name": "git-lsf"}}})


def misspelt_account(scene: Scene) -> None:
    """The operator's rights are at the accounts that exist."""
    scene.create_store()
    scene.apply_on(scene.misspelt)


def misspelt_account_seen_from_above(scene: Scene) -> None:
    """The operator may read the group, so Azure tells it that the account does not exist."""
    scene.ends.enter_context(granted(scene.lab, "Reader", STORAGE_GROUP))
    misspelt_account(scene)


def misspelt_group_of_the_account(scene: Scene) -> None:
    scene.gitlab.apply(storage={"accountName": "gitlabstore", "resourceGroup": "rg-storge"})


def misspelt_group_of_the_identity(scene: Scene) -> None:
    """The operator's rights are at the groups that exist."""
    scene.gitlab.apply(azure={"resourceGroup": MISSPELT_GROUP.rpartition("/")[2]})


def misspelt_group_seen_from_above(scene: Scene) -> None:
    """The operator has its right at the subscription, so Azure tells it that the group does not exist."""
    scene.ends.enter_context(granted(scene.lab, "Managed Identity Contributor", SUBSCRIPTION))
    misspelt_group_of_the_identity(scene)


def another_subscription(scene: Scene) -> None:
    storage = {
        "accountName": "gitlabstore",
        "resourceGroup": seeded.STORAGE_GROUP,
        "subscriptionId": seeded.SUBSCRIPTION,
    }
    scene.gitlab.apply(azure={"subscriptionId": ELSEWHERE}, storage=storage)


def account_outside_the_policy(scene: Scene) -> None:
    scene.apply_on("otherstore")


def identity_of_another_resource(scene: Scene) -> None:
    tags = {
        "gitlabazure-cluster": "lab",
        "gitlabazure-namespace": "elsewhere",
        "gitlabazure-resource": "gitlab",
    }
    name = f"claimed-{scene.gitlab.namespace}"
    create_identity(scene.lab, name, tags)
    scene.ends.callback(delete_identity, scene.lab, name)
    scene.gitlab.apply(identity={"name": name})


def identity_of_somebody_else(scene: Scene) -> None:
    name = f"foreign-{scene.gitlab.namespace}"
    create_identity(scene.lab, name)
    scene.ends.callback(delete_identity, scene.lab, name)
    scene.gitlab.apply(identity={"name": name})
