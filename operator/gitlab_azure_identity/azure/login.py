"""The operator's own login to Azure."""

from typing import Any

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.identity.aio import WorkloadIdentityCredential

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.clock import SYSTEM, Clock

FLUSH = 1.0  # seconds; ample for all who wait at the lock to pass it


class Login(WorkloadIdentityCredential):
    """A login whose failure is told to all who waited for it, and whose token can be thrown away.

    azure-core logs in under a lock (AsyncBearerTokenCredentialPolicy): each that waits there would try anew and, while Entra
    does not answer, wait for a time-out of its own after all those before it."""

    def __init__(self, clock: Clock = SYSTEM, **options: Any) -> None:
        super().__init__(**options)
        self._options, self._clock = options, clock
        self._failure: tuple[float, AzureError] | None = None
        self._given = ""

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for the scopes. Raises AzureError."""
        if self._failure and self._clock.steady() - self._failure[0] < FLUSH:
            raise self._failure[1].with_traceback(None)
        try:
            async with azure_errors():
                token = await super().get_token_info(*scopes, options=options)
        except AzureError as error:
            self._failure = self._clock.steady(), error
            raise
        self._given = token.token
        return token

    def throw_away(self, token: str) -> None:
        """Have the next one who asks get another token than this one, for the token file as it is then. Once: many are refused
        with one token, and the one that came after it is good."""
        if token and token == self._given:
            self._given = ""
            super().__init__(
                **self._options
            )  # azure-identity has no way to empty its caches, of tokens and of the file


class FreshTokenPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sends a request once more, with a new token, when Azure does not take the one that it had (401), as when it was revoked.
    It stands before the policy that puts the token on: azure-core's asks anew only where Azure challenges it to."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        self._login = login

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        response = await self.next.send(request)
        if response.http_response.status_code != 401:  # noqa: PLR2004
            return response
        self._login.throw_away(request.http_request.headers["Authorization"].removeprefix("Bearer "))
        return await self.next.send(request)
