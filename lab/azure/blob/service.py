"""Blob Storage: authorizes the caller by their roles, then forwards the request to Azurite unchanged."""

from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from lab.azure.azurite import Azurite
from lab.azure.blob.errors import (
    BlobError,
    invalid_authentication,
    no_account,
    no_authentication,
    permission_mismatch,
    wrong_key,
)
from lab.azure.blob.permissions import RequiredPermission, required_permission
from lab.azure.calls import Call
from lab.azure.hosts import STORAGE_AUDIENCE, storage_account
from lab.azure.permissions import has_data_permission, has_permission
from lab.azure.state import AzureState, StorageAccount
from lab.azure.tokens import Claims, InvalidTokenError, SigningKey

SMALL = 1 << 18
"""Bytes. A smaller body is forwarded in one piece, a larger one in chunks as it arrives."""
STORAGE_APPLICATION = "e406a681-f3d4-42a8-90b6-c2b029497af1"
# Headers that belong to one connection, not to the message.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)


class BlobService:
    def __init__(self, state: AzureState, key: SigningKey, azurite: Azurite) -> None:
        self._state = state
        self._key = key
        self._azurite = azurite

    async def answer(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        try:
            account = self._account(call.host)
            authorization = self._authorize(request, call, account)
        except BlobError as error:
            call.code = error.code
            return error.response(request, self._state.clock.now())
        return await self._forward(request, call, authorization)

    def _account(self, host: str) -> StorageAccount:
        named = storage_account(host)
        account = self._state.accounts.get(named[0]) if named else None
        if account is None:
            raise no_account()
        return account

    def _authorize(self, request: web.BaseRequest, call: Call, account: StorageAccount) -> str | None:
        """The Authorization header for Azurite. None where the URL is signed: Azurite then verifies the signature.

        Raises:
            BlobError: the caller is unknown, or lacks the permission.
        """
        required = required_permission(request.method, request.raw_path.partition("?")[0], request.query)
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            claims = self._claims(header.removeprefix("Bearer ").strip(), account)
            call.caller = self._state.principal_name(claims.principal_id)
            self._require(claims.principal_id, required, account)
            return self._azurite.authorization(claims.principal_id)
        if header:
            raise wrong_key()
        if "sig" not in request.query:
            raise no_authentication()
        if signer := request.query.get("skoid"):
            # A URL signed with a user delegation key gives no more rights than those of the principal that requested the key.
            call.caller = self._state.principal_name(signer)
            self._require(signer, required, account)
        return None

    def _claims(self, token: str, account: StorageAccount) -> Claims:
        try:
            claims = self._key.read(token)
        except InvalidTokenError as error:
            raise invalid_authentication("Signature validation failed. Signature verification failed.") from error
        if claims.expires <= self._state.clock.now():
            raise invalid_authentication("Lifetime validation failed. The token is expired.")
        audience = claims.audience.rstrip("/")
        if audience in (STORAGE_AUDIENCE, STORAGE_APPLICATION):
            return claims
        named = storage_account(audience.removeprefix("https://"))
        if named is None or named[0] != account.name:
            raise invalid_authentication("Audience validation failed. Audience did not match.")
        return claims

    def _require(self, principal_id: str, required: RequiredPermission, account: StorageAccount) -> None:
        check = has_data_permission if required.data else has_permission
        scope = required.scope(account.id)
        if not any(check(self._state, principal_id, action, scope) for action in required.actions):
            raise permission_mismatch()

    async def _forward(self, request: web.BaseRequest, call: Call, authorization: str | None) -> web.StreamResponse:
        headers = _end_to_end_headers(request.headers)
        headers["Host"] = call.host
        headers.popall("Authorization", None)
        if authorization is not None:
            headers["Authorization"] = authorization
        if request.headers.get("Expect", "").casefold() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        data: bytes | aiohttp.StreamReader | None = None
        if request.body_exists:
            small = request.content_length is not None and request.content_length <= SMALL
            data = await request.content.read() if small else request.content
        async with self._azurite.forward(request.method, request.raw_path, headers, data) as answer:
            call.code = answer.headers.get("x-ms-error-code", "")
            return await _relay(request, answer, _end_to_end_headers(answer.headers))


def _end_to_end_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers that belong to the message."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.casefold() not in HOP_BY_HOP)


def _with_real_endpoint(body: bytes, host: str) -> bytes:
    """Correct the ServiceEndpoint. Azurite appends the account's name, although the host name contains it."""
    wrong = f'ServiceEndpoint="https://{host}/{host.partition(".")[0]}"'.encode()
    return body.replace(wrong, f'ServiceEndpoint="https://{host}/"'.encode(), 1)


async def _relay(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, headers: CIMultiDict[str]
) -> web.StreamResponse:
    if request.method == "HEAD":
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(request)
        return response
    if request.query.get("comp") == "list":
        body = _with_real_endpoint(await answer.read(), request.host)
        headers.popall("Content-Length", None)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body)
    if answer.content_length is not None and answer.content_length <= SMALL:
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=await answer.read())
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response
