"""What all clients of Azure share: one HTTP session, a time-out for each request, no retries, and errors as `AzureError`."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import DeserializationError, HttpResponseError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from gitlab_azure_identity import tracing
from gitlab_azure_identity.azure.actions import action
from gitlab_azure_identity.azure.answers import is_token, refusal
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.shapes import confirms_deletion, undescribed
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.metrics import AZURE_REQUESTS, AZURE_SECONDS
from gitlab_azure_identity.permit import NOT_LEADING, Permit
from gitlab_azure_identity.progress import of_request
from gitlab_azure_identity.waiting import finished

Answer = TypeVar("Answer")

SHOWN = 300  # characters of an answer that is not Azure's, in an error
USER_AGENT = "gitlab-azure-identity"
CONNECTIONS_PER_HOST = 16  # a TLS handshake takes longer than the wait for an open connection


def new_session() -> aiohttp.ClientSession:
    """The HTTP session that all clients share. Closing a client leaves the session open. Like any Azure client it honours
    SSL_CERT_FILE. For proxies see Transport."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit_per_host=CONNECTIONS_PER_HOST),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


@lru_cache(maxsize=256)
def _proxies(host: str) -> dict[str, str] | None:
    """The proxy of a host, by HTTPS_PROXY and NO_PROXY, in the form that azure-core takes. None when there is no proxy."""
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    return {"https": proxy} if proxy else None


class Transport(AioHttpTransport):  # type: ignore[misc]
    """Bounds the time of each whole request, counts it, and finishes a write that was sent even when its caller is cancelled.
    Writes need the permit, and end with it.

    All this is done here, below all policies, since the policies of a login belong to azure-core. It logs in under a lock, and
    its own time-outs do not count while a proxy keeps silent.

    The proxy variables are read once for each host. aiohttp's own `trust_env` reads them, and a .netrc file, for every request,
    which took a tenth of the time that a pass spends on requests."""

    def __init__(self, session: aiohttp.ClientSession, timeout: float, permit: Permit | None = None) -> None:
        super().__init__(session=session, session_owner=False, connection_timeout=timeout, read_timeout=timeout)
        self._timeout, self._permit = timeout, permit or Permit()

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        options.setdefault("proxies", _proxies(urlsplit(request.url).hostname or ""))
        if request.method in ("PUT", "DELETE") and not self._permit.left:
            raise AzureError("", 0, NOT_LEADING)
        sent = self._counted(request, **options)
        if request.method in ("PUT", "DELETE"):
            return await finished(sent, self._permit.limit(self._timeout), SdkError, aiohttp.ClientError, OSError)
        async with asyncio.timeout(self._timeout):
            return await sent

    async def _counted(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        """Send a request, counted and timed."""
        operation, began, code = action(request.method, request.url), SYSTEM.steady(), "error"
        try:
            with of_request(), tracing.of_request(operation, request.method, request.url) as span:
                request.headers.update(tracing.headers())
                response = await self._sent(request, **options)
                tracing.answered(span, response.status_code)
            code = str(response.status_code)
        finally:
            AZURE_REQUESTS.labels(operation, code).inc()
            AZURE_SECONDS.labels(operation).observe(SYSTEM.steady() - began)
        return response

    async def _sent(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        try:
            response: AsyncHttpResponse = await super().send(request, **options)
            _body(response)  # the SDK's responses of the older kind are unpacked here
        except zlib.error as error:
            raise ServiceResponseError(f"The answer cannot be unpacked: {error}", error=error) from error
        return response


_SUCCESSES = {"GET": (200,), "PUT": (200, 201), "DELETE": (200, 204)}


class RefusalPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Raises AzureError for a refused request, and for a success that does not say what it must, before the SDK reads the answer.
    The SDK fails on a body that is not what its headers say, or takes a proxy's page for an empty object."""

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        response = await self.next.send(request)
        answer, method = response.http_response, request.http_request.method
        error = refusal(answer.status_code, _headers(answer), _body(answer))
        if answer.status_code not in _SUCCESSES[method]:
            raise error
        if method == "DELETE":
            missing = None if confirms_deletion(_body(answer)) else "deletion"
        else:
            missing = undescribed(request.http_request.url, _body(answer))
        if missing:
            raise not_azures(error, missing)
        return response


def not_azures(answer: AzureError, missing: str) -> AzureError:
    """The error for a success that does not say what it must: something on the way may have given it. It counts as no answer."""
    text = f"The answer with status {answer.status} describes no {missing}: {answer.detail[:SHOWN]}"
    return AzureError("", 0, text, answer.retry_after)


class LoginTransport(Transport):
    """The way to Entra's token endpoint. Whatever is no token raises AzureError here: azure-identity fails on an answer that is
    not the JSON that it expects."""

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        response = await super().send(request, **options)
        body = _body(response)
        if response.status_code >= 400:  # noqa: PLR2004
            raise refusal(response.status_code, _headers(response), body, login=True)
        if not is_token(body):
            raise AzureError(
                "", 0, f"Entra's token endpoint answered no token, with status {response.status_code}.", login=True
            )
        return response


@asynccontextmanager
async def azure_errors() -> AsyncIterator[None]:
    """Turns the errors that the SDK raises into AzureError."""
    try:
        yield
    except HttpResponseError as error:
        raise _from_response(error) from error
    except (SdkError, DeserializationError, OSError, aiohttp.ClientError, UnicodeDecodeError) as error:
        # OSError: a time-out, or a token file that does not exist. UnicodeDecodeError: the SDK reads each answer as UTF-8.
        raise AzureError(type(error).__name__, 0, str(error) or "no answer in time") from error


async def found(question: Awaitable[Answer], *, but_for: Collection[str] = ()) -> Answer | None:
    """The answer to a read, or None when Azure says that the object does not exist. Codes in `but_for` stay errors.

    Raises AzureError."""
    try:
        async with azure_errors():
            return await question
    except AzureError as error:
        if error.not_found and error.code not in but_for:
            return None
        raise


async def deleted(request: Awaitable[object]) -> None:
    """Await a deletion. An object that does not exist counts as deleted, as does one without its parent. Raises AzureError."""
    try:
        async with azure_errors():
            await request
    except AzureError as error:
        if not error.gone:
            raise


def _from_response(error: HttpResponseError) -> AzureError:
    response = error.response
    if response is None:  # an answer that the SDK could not read
        return AzureError("", 0, error.message)
    host = urlsplit(str(getattr(response.request, "url", ""))).hostname or ""
    return refusal(response.status_code or 0, _headers(response), _body(response), login=host.startswith("login."))


def _headers(response: Any) -> Mapping[str, str]:
    return response.headers or {}


def _body(response: Any) -> bytes:
    return bytes(response.body())
