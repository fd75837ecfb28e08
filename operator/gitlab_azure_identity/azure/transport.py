"""The one pipeline to Azure: one token, one HTTP session, no retries of its own, and errors as `AzureError`."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.metrics import AZURE_REQUESTS, AZURE_SECONDS

USER_AGENT = "gitlab-azure-identity"
CONNECTIONS_PER_HOST = 16  # a TLS handshake costs more than the wait for a connection that is open


def new_session() -> aiohttp.ClientSession:
    """The HTTP session that all clients share. It honours proxy variables and SSL_CERT_FILE, like any Azure client."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit_per_host=CONNECTIONS_PER_HOST),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=True,
    )


def new_transport(session: aiohttp.ClientSession, timeout: float) -> AioHttpTransport:
    """The session as the SDKs want it; closing one client leaves it open. `timeout` in seconds."""
    return AioHttpTransport(session=session, session_owner=False, connection_timeout=timeout, read_timeout=timeout)


class MeasurePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Counts and times each request that leaves."""

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        method, start = request.http_request.method, time.monotonic()
        code = "error"
        try:
            response = await self.next.send(request)
            code = str(response.http_response.status_code)
        finally:
            AZURE_REQUESTS.labels(method, code).inc()
            AZURE_SECONDS.labels(method).observe(time.monotonic() - start)
        return response


@asynccontextmanager
async def azure_errors() -> AsyncIterator[None]:
    """Turns what the SDK raises into AzureError."""
    try:
        yield
    except HttpResponseError as error:
        raise _from_response(error) from error
    except (TimeoutError, SdkError, aiohttp.ClientError) as error:
        raise AzureError(type(error).__name__, 0, str(error) or "no answer in time") from error


def _from_response(error: HttpResponseError) -> AzureError:
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    status = error.status_code or (401 if isinstance(error, ClientAuthenticationError) else 0)
    if error.response is not None and "login." in str(getattr(error.response.request, "url", "")):
        status = status if status >= 500 else 401  # noqa: PLR2004 - Entra says 400 for most of what is a refused login
    code = getattr(error.error, "code", None) or headers.get("x-ms-error-code") or type(error).__name__
    detail = getattr(error.error, "message", None) or error.message or str(error)
    return AzureError(str(code), status, str(detail), retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the Retry-After header asks for, given as seconds or as a date; None without one."""
    value = headers.get("Retry-After")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None
