"""Logins to Azure: the operator's own, and what the clients need of any login."""

from typing import Any, Protocol

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.identity.aio import WorkloadIdentityCredential

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.clock import SYSTEM, Clock

FLUSH = 1.0  # seconds; every request that waits at the lock goes past it in that time


class Login(AsyncTokenCredential, Protocol):
    """A credential whose token can be thrown away."""

    def throw_away(self, token: str) -> None:
        """Make the next request for a token get another one, where the login can."""


class OperatorLogin(WorkloadIdentityCredential):
    """A login that fails for all requests that wait for it, and whose token can be thrown away.

    azure-core logs in under a lock (AsyncBearerTokenCredentialPolicy). Without the shared failure, each request that waits
    there would log in again. While Entra does not answer, each would wait for a time-out of its own, one after the other."""

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
        """Make the next request for a token get another one, from the token file as it is then. This happens once for each
        token: Azure may refuse many requests with one token, and its successor must not be thrown away with it."""
        if token and token == self._given:
            self._given = ""
            # azure-identity has no way to empty its two caches, of tokens and of the token file
            super().__init__(**self._options)


class FreshTokenPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sends a request once more, with a new token, when Azure refuses its token (401), for example because it was revoked.

    It comes before the policy that adds the token, since azure-core's policy gets a new one only when Azure challenges it."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        self._login = login

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        response = await self.next.send(request)
        if response.http_response.status_code != 401:  # noqa: PLR2004
            return response
        self._login.throw_away(request.http_request.headers["Authorization"].removeprefix("Bearer "))
        return await self.next.send(request)
