"""Causes in the storage account, its resource group and its subscription."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Step

STORAGE = (
    Cause(
        key=Reason.ACCOUNT_NOT_FOUND,
        on=(Link.ROLES,),
        what="The resource group has no storage account of that name.",
        why="Nothing was created in Azure.",
        steps=(
            Step("Find the account", commands.FIND_ACCOUNT),
            Step("Create it, or correct `spec.storage`."),
        ),
    ),
    Cause(
        key=Reason.ACCOUNT_UNUSABLE,
        on=(Link.ACCESS,),
        what="GitLab cannot use a storage account of this kind.",
        cases=(
            Case(
                says="has no Blob Storage",
                why="The account's kind is for something else, such as FileStorage.",
                steps=(Step("Use an account of kind StorageV2."),),
            ),
            Case(
                says="has a hierarchical namespace",
                why="""The registry deletes a folder after each upload. In a hierarchical namespace Azure refuses to
                delete a folder that is not empty (`DirectoryIsNotEmpty`), and the push ends with 500.""",
                steps=(
                    Step(
                        """A hierarchical namespace cannot be taken off an account. Use another account, or leave the
                        registry out: `spec.storage.containers.registry.management: Disabled`."""
                    ),
                ),
            ),
        ),
    ),
    Cause(
        key=Reason.RESOURCE_GROUP_NOT_FOUND,
        on=(Link.IDENTITY, Link.CREDENTIALS, Link.ROLES),
        what="The resource group does not exist.",
        why="""It is the one that `spec.azure.resourceGroup` or `spec.storage.resourceGroup` names, or the operator's
        default. The operator creates no resource groups.""",
        steps=(
            Step(
                """Create it, or correct its name. `spec.azure.resourceGroup` cannot change: delete the resource, and
                create it again."""
            ),
        ),
    ),
    Cause(
        key=Reason.SUBSCRIPTION_NOT_FOUND,
        on=(Link.IDENTITY, Link.CREDENTIALS, Link.ROLES),
        what="Azure does not know the subscription, or the operator's tenant does not.",
        steps=(
            Step(
                """Correct the subscription id in the resource or in the operator's defaults.
                `spec.azure.subscriptionId` and `spec.azure.resourceGroup` cannot change: delete the resource, and
                create it again."""
            ),
        ),
    ),
    Cause(
        key=Reason.CONTAINER_NOT_FOUND,
        on=(Link.ACCESS,),
        what="The storage account has no such container.",
        why="""The message names all that are missing, and the nearest names that the account has. The resource becomes
        Ready by itself within 10 minutes after the container is there.""",
        steps=(
            Step("If the name is misspelt, correct `spec.storage.containers`."),
            Step(
                """Or let the [identity create it](resource.md#containers): set its `management` to `Manage`. Or create it""",
                commands.CREATE_CONTAINER,
            ),
        ),
    ),
)
