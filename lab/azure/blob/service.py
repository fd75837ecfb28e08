"""Blob Storage: authorizes the caller by their roles, then forwards the request to Azurite unchanged."""

from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from lab.azure import seeded
from lab.azure.accounts import StorageAccount
from lab.azure.azurite import Azurite
from lab.azure.blob import shared_key
from lab.azure.blob.delegation_keys import DelegationKeys, check_key_request
from lab.azure.blob.errors import (
    BlobError,
    authentication_failed,
    condition_not_met,
    directory_not_empty,
    invalid_authentication,
    no_account,
    no_authentication,
    no_blob,
    no_key_access,
    no_network_access,
    permission_mismatch,
)
from lab.azure.blob.permissions import RequiredPermission, condition_attributes, required_permission
from lab.azure.blob.signed_urls import verified, without_signature
from lab.azure.calls import Call
from lab.azure.hosts import STORAGE_AUDIENCE, storage_account
from lab.azure.permissions import decide
from lab.azure.state import AzureState
from lab.azure.tokens import Claims, InvalidTokenError, SigningKey

SMALL = 1 << 18
"""Bytes. A smaller body is forwarded in one piece, a larger one in chunks as it arrives."""
CALLERS_ADDRESS = "203.0.113.10"
"""The public IP address that every request comes from, as an account's firewall sees it."""
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
        self._keys = DelegationKeys()

    async def answer(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        try:
            account = self._account(call.host)
            if not account.admits(CALLERS_ADDRESS):
                raise no_network_access()
            authorization = await self._authorize(request, call, account)
            await self._check_condition(request, account)
            await self._check_directory(request, account)
            if request.query.get("comp") == "userdelegationkey":
                check_key_request(await request.read(), self._state.clock.now())
        except BlobError as error:
            call.code = error.code
            return error.response(request, self._state.clock.now())
        return await self._forward(request, call, account, authorization)

    def _account(self, host: str) -> StorageAccount:
        account = self._state.account_at(host)
        if account is None:
            raise no_account()
        return account

    async def _authorize(self, request: web.BaseRequest, call: Call, account: StorageAccount) -> str:
        """The Authorization header for Azurite.

        Raises:
            BlobError: the caller is unknown, or lacks the permission.
        """
        required = required_permission(request.method, _path(request), request.query)
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            claims = self._claims(header.removeprefix("Bearer ").strip(), account)
            call.caller = self._state.principal_name(claims.principal_id)
            await self._require(claims.principal_id, required, account, request)
            return self._azurite.authorization(claims.principal_id)
        if header.startswith(shared_key.SCHEME) and account.shared_key_access is not False:
            # Whoever has a key may do everything: no role is asked for.
            shared_key.verify(
                account.name, account.keys, request.method, _path(request), request.query, request.headers
            )
            call.caller = "access key"
            return self._azurite.authorization(seeded.OWNER_PRINCIPAL)
        if header:
            raise _refused_key(account)
        if "sig" not in request.query:
            raise no_authentication()
        if "skoid" not in request.query:
            raise _refused_key(account)
        signed = verified(account.name, _path(request), request.query, self._keys, self._state.clock.now())
        call.caller = self._state.principal_name(signed.principal_id)
        permitted = any(letter in signed.permissions for letter in required.letters)
        await self._check(permitted, required.creating is not None and "c" in signed.permissions, account, request)
        # The URL gives no more rights than those of the principal that requested the key.
        await self._require(signed.principal_id, required, account, request)
        return self._azurite.authorization(signed.principal_id)

    def _claims(self, token: str, account: StorageAccount) -> Claims:
        try:
            claims = self._key.read(token)
        except InvalidTokenError as error:
            raise invalid_authentication("Signature validation failed. Signature verification failed.") from error
        if claims.expires <= self._state.clock.now():
            raise invalid_authentication("Lifetime validation failed. The token is expired.")
        if claims.tenant != self._state.subscription.tenant:
            # Reported in azure-sdk-for-net#10529 and AzureStorageExplorer#8702.
            raise invalid_authentication("Issuer validation failed. Issuer did not match.")
        audience = claims.audience.rstrip("/")
        if audience in (STORAGE_AUDIENCE, STORAGE_APPLICATION):
            return claims
        named = storage_account(audience.removeprefix("https://"))
        if named is None or named[0] != account.name:
            raise invalid_authentication("Audience validation failed. Audience did not match.")
        return claims

    async def _require(
        self, principal_id: str, required: RequiredPermission, account: StorageAccount, request: web.BaseRequest
    ) -> None:
        scope = required.scope(account.id)
        attributes = condition_attributes(request.method, _path(request), request.query, request.headers)

        def has(action: str) -> bool:
            return decide(self._state, principal_id, action, scope, data=required.data, attributes=attributes).allowed

        permitted = any(map(has, required.actions))
        creating = not permitted and required.creating is not None and has(required.creating)
        await self._check(permitted, creating, account, request)

    async def _check(
        self, permitted: bool, permitted_if_new: bool, account: StorageAccount, request: web.BaseRequest
    ) -> None:
        if permitted or (permitted_if_new and await self._azurite.lacks_blob(account.name, _path(request))):
            return
        raise permission_mismatch()

    async def _check_condition(self, request: web.BaseRequest, account: StorageAccount) -> None:
        """Answer as Azure does where the blob that `If-Match` is about does not exist, and Azurite 3.35 answers otherwise.

        A read answers 404, whatever the ETag (Azurite issue 2751; Azurite: 412). A write or a deletion answers 412. Azurite
        does so too, except with `*`: then it creates the blob (Azurite issue 2589).

        Raises:
            BlobError: the answer.
        """
        condition = request.headers.get("If-Match")
        reads = request.method in ("GET", "HEAD")
        if condition is None or not (reads or condition == "*") or not _blob_name(_path(request)):
            return
        if await self._azurite.lacks_blob(account.name, _path(request)):
            raise no_blob() if reads else condition_not_met()

    async def _check_directory(self, request: web.BaseRequest, account: StorageAccount) -> None:
        """Hold a deletion to the hierarchical namespace, which Azurite does not know: a directory must be empty.

        Raises:
            BlobError: the deletion is that of a directory that is not empty.
        """
        path = _path(request)
        deletes = request.method == "DELETE" and account.hierarchical_namespace and _blob_name(path)
        if deletes and await self._azurite.has_blobs_below(account.name, path):
            raise directory_not_empty()

    async def _forward(
        self, request: web.BaseRequest, call: Call, account: StorageAccount, authorization: str
    ) -> web.StreamResponse:
        headers = _end_to_end_headers(request.headers)
        headers["Host"] = call.host
        headers["Authorization"] = authorization
        if request.headers.get("Expect", "").casefold() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        data: bytes | aiohttp.StreamReader | None = None
        if request.body_exists:
            small = request.content_length is not None and request.content_length <= SMALL
            data = await request.read() if small else request.content
        target = without_signature(request.raw_path)
        async with self._azurite.forward(request.method, target, headers, data) as answer:
            call.code = answer.headers.get("x-ms-error-code", "")
            if request.query.get("comp") == "userdelegationkey" and answer.ok:
                self._keys.remember(account.name, await answer.read())
            return await _relay(request, answer, _end_to_end_headers(answer.headers))


def _refused_key(account: StorageAccount) -> BlobError:
    """The answer to a URL that is signed with an account key, which the lab does not verify, and to every key where the account
    permits none."""
    return no_key_access() if account.shared_key_access is False else authentication_failed()


def _path(request: web.BaseRequest) -> str:
    """The path of a request, still escaped."""
    return request.raw_path.partition("?")[0]


def _blob_name(path: str) -> str:
    """The name of the blob that a path names, still escaped. Empty where it names an account or a container."""
    return path.lstrip("/").partition("/")[2]


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
    if request.query.get("comp") in ("list", "userdelegationkey"):
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
