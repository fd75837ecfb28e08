"""What forbids the operator its work in Azure, whatever its roles."""

from lab.azure import seeded
from tests.integration.operating import GROUP

from .scene import ACCOUNT, Scene

OTHER_TENANT = seeded.named_guid("another tenant")


def policy_of_azure(scene: Scene) -> None:
    scene.azure.put_policy(GROUP, "Microsoft.ManagedIdentity/userAssignedIdentities", "no-identities")
    scene.gitlab.apply()


def lock_on_the_account(scene: Scene) -> None:
    scene.azure.put_lock(ACCOUNT, "ReadOnly")
    scene.gitlab.apply()


def lock_on_the_group_of_the_identity(scene: Scene) -> None:
    scene.azure.put_lock(GROUP, "ReadOnly")
    scene.gitlab.apply()


def region_without_federated_credentials(scene: Scene) -> None:
    scene.gitlab.apply(azure={"location": "newzealandnorth"})


def disabled_subscription(scene: Scene) -> None:
    scene.azure.put_subscription(seeded.SUBSCRIPTION, disabled=True)
    scene.gitlab.apply()


def subscription_of_another_tenant(scene: Scene) -> None:
    scene.azure.put_subscription(seeded.SUBSCRIPTION, tenant=OTHER_TENANT)
    scene.gitlab.apply()


def unregistered_provider(scene: Scene) -> None:
    scene.azure.unregister("Microsoft.ManagedIdentity")
    scene.gitlab.apply()


def group_that_is_being_deleted(scene: Scene) -> None:
    scene.azure.begin_deletion(seeded.IDENTITY_GROUP)
    scene.gitlab.apply()
