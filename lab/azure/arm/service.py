"""Resource Manager's front: who is asking, may they, and only then what they ask for."""

import asyncio
import datetime as dt
import inspect
import json
import re
from collections.abc import Mapping

from aiohttp import web

from lab.azure import fixed
from lab.azure.arm.assignments import Assignments
from lab.azure.arm.credentials import Credentials
from lab.azure.arm.definitions import Definitions
from lab.azure.arm.errors import ArmError, forbidden, subscription_not_found
from lab.azure.arm.exchange import Answer, Ask
from lab.azure.arm.groups import Groups, Providers, Subscriptions
from lab.azure.arm.identities import Identities
from lab.azure.arm.jobs import Jobs
from lab.azure.arm.routes import Route, routes
from lab.azure.arm.storage import StorageAccounts
from lab.azure.arm.throttle import Throttle, arm_kind
from lab.azure.azurite import Azurite
from lab.azure.calls import Call
from lab.azure.hosts import ARM_HOSTS
from lab.azure.permissions import may
from lab.azure.tokens import Claims, NotGenuineError, SigningKey
from lab.azure.world import World, new_guid

CREDENTIAL_WRITE = 0.025
"""Seconds that a write of a federated credential takes at least: long enough for a second one to meet it."""
COMMON = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


class ResourceManager:
    def __init__(self, world: World, key: SigningKey, azurite: Azurite) -> None:
        self._world = world
        self._key = key
        self._jobs = Jobs()
        self.throttle = Throttle(world.clock)
        self._credentials = Credentials(world)
        accounts = StorageAccounts(world, azurite, self._jobs)
        self._routes = tuple(
            routes(
                Subscriptions(world),
                Groups(world, accounts, self._jobs),
                Providers(),
                Identities(world),
                self._credentials,
                Assignments(world),
                Definitions(),
                accounts,
                self._jobs,
            )
        )

    async def close(self) -> None:
        await self._jobs.close()

    async def answer(self, request: web.BaseRequest, call: Call) -> web.Response:
        request_id = new_guid()
        headers = {
            **COMMON,
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": request.headers.get("x-ms-correlation-request-id", request_id),
            "x-ms-routing-request-id": f"{fixed.LOCATION.upper()}:{request_id}",
        }
        if client_request_id := request.headers.get("x-ms-client-request-id"):
            headers["x-ms-client-request-id"] = client_request_id
        try:
            answer = await self._act(request, call, headers)
        except ArmError as error:
            call.code = error.code
            answer = Answer(error.status, {"error": {"code": error.code, "message": error.message}}, error.headers)
        headers.update(answer.headers)
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        body = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False).encode()
        return web.Response(
            status=answer.status, body=body, headers=headers, content_type="application/json", charset="utf-8"
        )

    async def _act(self, request: web.BaseRequest, call: Call, headers: dict[str, str]) -> Answer:
        content = await request.read()
        path = re.sub("/{2,}", "/", request.path).rstrip("/")
        if "api-version" not in {key.casefold() for key in request.query}:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
                gateway=True,
            )
        caller = self._caller(request, call.host)
        call.caller = self._world.principal_name(caller.principal_id)
        route, parts = self._route(request.method, path)
        ask = Ask(request.method, call.host, path, request.query, parts, caller, content)
        self._authorize(route, ask)
        if self._world.settings.throttle:
            self.throttle.admit(ask.method, caller.principal_id, _identity_operation(route, ask), _resource(ask))
        headers[f"x-ms-ratelimit-remaining-subscription-{arm_kind(ask.method)}"] = str(
            self.throttle.remaining(ask.method, caller.principal_id)
        )
        if route.credential and ask.method != "GET":
            return await self._write_credential(route, ask)
        if self._world.settings.arm_latency:
            await asyncio.sleep(self._world.settings.arm_latency)
        return await _carry_out(route, ask)

    async def _write_credential(self, route: Route, ask: Ask) -> Answer:
        """One at a time for an identity; the next one is refused rather than queued."""
        identity = self._credentials.begin_write(ask)
        try:
            await asyncio.sleep(max(self._world.settings.arm_latency, CREDENTIAL_WRITE))
            return await _carry_out(route, ask)
        finally:
            if identity is not None:
                identity.writing = False

    def _caller(self, request: web.BaseRequest, host: str) -> Claims:
        """Who the bearer token is about.

        Raises:
            ArmError: there is no token, or it is not one of ours, has expired or is meant for somebody else.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise _unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        if scheme.casefold() != "bearer":
            raise _unauthorized(
                "AuthenticationFailedInvalidHeader",
                "Authentication failed. The 'Authorization' header is provided in an invalid format.",
            )
        try:
            claims = self._key.read(token.strip())
        except NotGenuineError as error:
            raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.") from error
        now = self._world.clock.now()
        if claims.expires <= now:
            raise _unauthorized(
                "ExpiredAuthenticationToken",
                f"The access token expiry UTC time '{_dotnet(claims.expires)}' is earlier than current UTC time "
                f"'{_dotnet(now)}'.",
            )
        audiences = ARM_HOSTS[host].arm_audiences
        if claims.audience.rstrip("/") not in audiences:
            allowed = ",".join(f"'{audience}/','{audience}'" for audience in sorted(audiences, reverse=True))
            raise _unauthorized(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{claims.audience}'. It should "
                f"exactly match with one of the allowed audiences {allowed}.",
            )
        return claims

    def _route(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            parts = match.groupdict()
            if parts.get("subscription", fixed.SUBSCRIPTION).casefold() != fixed.SUBSCRIPTION:
                raise subscription_not_found(parts["subscription"])
            if method not in route.operations:
                raise ArmError(
                    405,
                    "HttpMethodNotSupported",
                    f"The HTTP method '{method}' is not supported at scope '{path}'.",
                    gateway=True,
                )
            return route, parts
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type could not be found in the namespace for the path '{path}': the lab's Azure has no such "
            "operation.",
            gateway=True,
        )

    def _authorize(self, route: Route, ask: Ask) -> None:
        if not route.kind:
            return
        action = route.action(ask.method).format_map(ask.parts)
        # A list is allowed at what holds the listed things; the message names the scope as Azure does.
        scope = ask.path.rpartition("/")[0] if route.collection else ask.path
        held_at = re.sub(r"/providers/[^/]+$", "", scope) if route.collection else scope
        if not may(self._world, ask.caller.principal_id, action, held_at):
            raise forbidden(ask.caller.client_id, ask.caller.principal_id, action, scope)


async def _carry_out(route: Route, ask: Ask) -> Answer:
    answer = route.operations[ask.method](ask)
    return await answer if inspect.isawaitable(answer) else answer


def _identity_operation(route: Route, ask: Ask) -> str | None:
    if not route.identity:
        return None
    if route.collection:
        return "list"
    return {"GET": "get", "DELETE": "delete"}.get(ask.method, "write")


def _resource(ask: Ask) -> str:
    """The managed identity a request is about, by which its provider counts; else the path itself."""
    match = re.match(r".*/userassignedidentities/[^/]+", ask.path.casefold())
    return match[0] if match else ask.path.casefold()


def _unauthorized(code: str, message: str) -> ArmError:
    challenge = (
        f'Bearer authorization_uri="https://login.microsoftonline.com/{fixed.TENANT}", error="invalid_token", '
        f'error_description="{message}"'
    )
    return ArmError(401, code, message, gateway=True, headers={"WWW-Authenticate": challenge})


def _dotnet(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%-m/%-d/%Y %-I:%M:%S %p")
