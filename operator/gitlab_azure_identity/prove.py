"""The access of the pod that it runs in, tried as GitLab would have it: by the variables and the token that the webhook gave the
pod. `kubectl gai doctor --as-pod` starts it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gitlab_azure_identity.azure.access import BlobAccess
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.relayed import written
from gitlab_azure_identity.azure.transport import new_session
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.pods import AUTHORITY_HOST, CLIENT_ID, TENANT_ID, TOKEN_FILE

TIMEOUT = 30.0  # seconds of one request


async def prove(host: str, containers: Sequence[str], variables: Mapping[str, str]) -> str:
    """What Entra and the blob endpoint of this host answer, as `azure.relayed` writes it. Raises KeyError for a variable that the
    webhook did not set, and OSError when there is no token."""
    identity = Identity("", "", "", {}, variables[CLIENT_ID], "", variables[TENANT_ID])
    assertion = Path(variables[TOKEN_FILE]).read_text(encoding="utf-8")  # noqa: ASYNC240 - there is nothing else to do yet
    authority = variables[AUTHORITY_HOST].rstrip("/")
    cloud = next(
        (each for each in CLOUDS.values() if each.authority_host.rstrip("/") == authority), CLOUDS["AzurePublic"]
    )
    async with new_session() as session:
        access = BlobAccess(cloud, session, TIMEOUT, SYSTEM)
        try:
            token = await access.exchange(identity, assertion)
        except AzureError as error:
            return written(error, None)
        return written(None, await access.attempt(host, containers, token))
