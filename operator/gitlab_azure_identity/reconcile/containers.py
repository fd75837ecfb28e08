"""Create the containers that are missing, with the token of the identity itself: the operator has no right to blobs."""

import asyncio
from collections.abc import Sequence

from azure.core.credentials import AccessTokenInfo

from gitlab_azure_identity.azure.access_errors import AccessAttempt, container_not_created
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.domain.changes import CreateContainer
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.reconcile.context import AzureWrites


async def create_containers(
    azure: AzureWrites, attempt: AccessAttempt, token: AccessTokenInfo, changes: Sequence[CreateContainer]
) -> list[Failure]:
    """Create containers as the identity. Returns the failures."""

    async def create(change: CreateContainer) -> Failure | None:
        try:
            await azure.access.create(change.host, change.container, token)
        except AzureError as error:
            return container_not_created(error, attempt, change)
        return None

    answers = await asyncio.gather(*(create(change) for change in changes))
    return [answer for answer in answers if answer is not None]
