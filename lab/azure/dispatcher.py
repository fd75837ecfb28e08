"""Receives every request to Azure: selects the service by host name, applies faults, and logs the call."""

import asyncio
import json
import math
import socket
import struct
import time
from email.utils import formatdate
from typing import Protocol

from aiohttp import web

from lab.azure.blob.errors import BlobError
from lab.azure.calls import Call, CallLog
from lab.azure.entra.errors import EntraError
from lab.azure.entra.issuers import Issuers
from lab.azure.faults import Fault, Faults
from lab.azure.hosts import ARM_HOSTS, LOGIN_HOSTS, storage_account
from lab.azure.proxy import Refusal
from lab.azure.state import AzureState

LINGER_AND_RESET = struct.pack("ii", 1, 0)
NO_ANSWER = 499
"""The status of a response that is never sent, since its connection was reset."""


class Service(Protocol):
    async def answer(self, request: web.BaseRequest, call: Call) -> web.StreamResponse: ...


class Dispatcher:
    def __init__(
        self,
        state: AzureState,
        arm: Service,
        entra: Service,
        blobs: Service,
        issuers: Issuers,
        calls: CallLog,
        faults: Faults,
        clients: dict[object, str],
    ) -> None:
        """`clients`: by the address of a connection, the user that the client named to the proxy."""
        self._state = state
        self._arm = arm
        self._entra = entra
        self._blobs = blobs
        self._issuers = issuers
        self._calls = calls
        self._faults = faults
        self._clients = clients

    def refusal_for(self, host: str) -> Refusal | None:
        """Why the proxy may not open a tunnel to a host. None where it may."""
        if host in ARM_HOSTS or host in LOGIN_HOSTS or self._issuers.knows(host):
            return None
        if named := storage_account(host):
            if self._state.account_at(host) is not None:
                return None
            account = named[0]
            why = (
                f"{account} has no such endpoint"
                if account in self._state.accounts
                else f"there is no storage account {account}"
            )
            return Refusal(502, f"no such host: {host} ({why})")
        return Refusal(403, f"{host} is not one of the hosts of the lab's Azure")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = (request.host or "").partition(":")[0].casefold()
        peer = request.transport.get_extra_info("peername") if request.transport else None
        call = Call(request.method, host, request.path, request.query_string, client=self._clients.get(peer, ""))
        if self._issuers.knows(host):
            return self._issuer_document(host, request)
        service = self._service(host)
        if service is None:
            return web.Response(status=421, text=f"{host} is not one of the hosts of the lab's Azure\n")
        began = time.perf_counter()
        fault = self._faults.take(request.method, host, request.path)
        try:
            if fault is not None:
                response = await self._answer_with_fault(fault, request, call, service)
            else:
                response = await service.answer(request, call)
            call.status = 0 if response.status == NO_ANSWER else response.status
            if not response.prepared:  # RFC 9110, section 6.6.1: the date is that of the server's clock
                response.headers["Date"] = formatdate(self._state.clock.now(), usegmt=True)
            return response
        finally:
            call.duration = time.perf_counter() - began
            self._calls.add(call)

    def _service(self, host: str) -> Service | None:
        if host in ARM_HOSTS:
            return self._arm
        if host in LOGIN_HOSTS:
            return self._entra
        return self._blobs if storage_account(host) else None

    def _issuer_document(self, host: str, request: web.BaseRequest) -> web.Response:
        """A document that AKS publishes for a cluster's issuer. The call log does not contain these requests."""
        document = self._issuers.document(host, request.path)
        if document is None or request.method != "GET":
            return web.Response(status=404)
        return web.json_response(document)

    async def _answer_with_fault(
        self, fault: Fault, request: web.BaseRequest, call: Call, service: Service
    ) -> web.StreamResponse:
        if fault.delay is not None:
            await asyncio.sleep(fault.delay)
        if fault.applied:
            await service.answer(request, call)
        if fault.hang:
            call.code = "Hang"
            await self._faults.until_cleared()
            return _reset(request)
        if fault.reset:
            call.code = "ConnectionReset"
            return _reset(request)
        if fault.status is None:
            return await service.answer(request, call)
        call.code = fault.code or f"Fault{fault.status}"
        response = self._error(fault.status, fault.message, call, request)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(math.ceil(fault.retry_after))
        return response

    def _error(self, status: int, message: str | None, call: Call, request: web.BaseRequest) -> web.Response:
        """A fault's answer, in the format of the service's own errors."""
        message = message or "A fault of the lab answers with this error."
        if call.host in ARM_HOSTS:
            text = json.dumps({"error": {"code": call.code, "message": message}}, separators=(",", ":"))
            return web.Response(status=status, text=text, content_type="application/json")
        now = self._state.clock.now()
        if call.host in LOGIN_HOSTS:
            digits = call.code.removeprefix("AADSTS")
            error = EntraError(status, "invalid_request", int(digits) if digits.isdigit() else 90033, message)
            return web.json_response(error.as_json(now, call.host), status=status)
        return BlobError(status, call.code, message).response(request, now)


def _reset(request: web.BaseRequest) -> web.Response:
    """Reset the connection. The response that is returned is never sent."""
    transport = request.transport
    if transport is not None:
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_AND_RESET)
        transport.abort()
    return web.Response(status=NO_ANSWER)
