"""The operator's own login to Azure."""

import time
from typing import Any

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.identity.aio import WorkloadIdentityCredential

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors

FLUSH = 1.0  # seconds; ample for all who wait at the lock to pass it


class Login(WorkloadIdentityCredential):
    """A login whose failure is told to all who waited for it.

    azure-core logs in under a lock (AsyncBearerTokenCredentialPolicy): each that waits there would try anew and, while Entra
    does not answer, wait for a time-out of its own after all those before it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._failure: tuple[float, AzureError] | None = None

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for the scopes. Raises AzureError."""
        if self._failure and time.monotonic() - self._failure[0] < FLUSH:
            raise self._failure[1].with_traceback(None)
        try:
            async with azure_errors():
                return await super().get_token_info(*scopes, options=options)
        except AzureError as error:
            self._failure = time.monotonic(), error
            raise
