"""Resource Manager: authenticates and authorizes the caller, then carries out the operation."""

import asyncio
import datetime as dt
import inspect
import json
import re
from collections.abc import Mapping

from aiohttp import web

from lab.azure import seeded
from lab.azure.azurite import Azurite
from lab.azure.calls import Call
from lab.azure.hosts import ARM_HOSTS
from lab.azure.permissions import decide
from lab.azure.resource_manager.assignments import Assignments
from lab.azure.resource_manager.credentials import Credentials
from lab.azure.resource_manager.definitions import Definitions
from lab.azure.resource_manager.errors import (
    ArmError,
    condition_not_fulfilled,
    denied,
    forbidden,
    subscription_not_found,
    wrong_tenant,
)
from lab.azure.resource_manager.groups import Groups, Providers, Subscriptions
from lab.azure.resource_manager.identities import Identities
from lab.azure.resource_manager.jobs import Jobs
from lab.azure.resource_manager.locks import Locks
from lab.azure.resource_manager.obstacles import require_unobstructed, subscription_of
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.resource_manager.routes import VERBS, Route, routes
from lab.azure.resource_manager.storage import StorageAccounts
from lab.azure.resource_manager.tagging import Tags
from lab.azure.resource_manager.throttle import Throttle, arm_kind
from lab.azure.state import AzureState, new_guid
from lab.azure.tokens import Claims, InvalidTokenError, SigningKey

CREDENTIAL_WRITE = 0.025
"""Seconds that a write of a federated credential takes at least, so that concurrent writes meet."""
COMMON = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


class ResourceManager:
    def __init__(self, state: AzureState, key: SigningKey, azurite: Azurite) -> None:
        self._state = state
        self._key = key
        self._jobs = Jobs()
        self.throttle = Throttle(state.clock)
        self._credentials = Credentials(state)
        accounts = StorageAccounts(state, azurite, self._jobs)
        self._routes = tuple(
            routes(
                subscriptions=Subscriptions(state),
                groups=Groups(state, accounts, self._jobs),
                providers=Providers(state),
                identities=Identities(state),
                credentials=self._credentials,
                assignments=Assignments(state),
                definitions=Definitions(),
                locks=Locks(state),
                accounts=accounts,
                tagging=Tags(state),
                jobs=self._jobs,
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
            "x-ms-routing-request-id": f"{seeded.LOCATION.upper()}:{request_id}",
        }
        if client_request_id := request.headers.get("x-ms-client-request-id"):
            headers["x-ms-client-request-id"] = client_request_id
        try:
            answer = await self._act(request, call, headers)
        except ArmError as error:
            call.code = error.code
            answer = ArmResponse(error.status, error.as_json(), error.headers)
        headers.update(answer.headers)
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        body = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False).encode()
        return web.Response(
            status=answer.status, body=body, headers=headers, content_type="application/json", charset="utf-8"
        )

    async def _act(self, request: web.BaseRequest, call: Call, headers: dict[str, str]) -> ArmResponse:
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
        call.caller = self._state.principal_name(caller.principal_id)
        self._require_tenant(caller, call.host, path)
        route, parts = self._route(request.method, path)
        arm_request = ArmRequest(request.method, call.host, path, request.query, parts, caller, content)
        self._authorize(route, arm_request)
        self._require_unobstructed(route, arm_request)
        if self._state.settings.throttle:
            self.throttle.admit(
                arm_request.method, caller.principal_id, _identity_operation(route, arm_request), _resource(arm_request)
            )
        headers[f"x-ms-ratelimit-remaining-subscription-{arm_kind(arm_request.method)}"] = str(
            self.throttle.remaining(arm_request.method, caller.principal_id)
        )
        if route.credential and arm_request.method != "GET":
            return await self._write_credential(route, arm_request)
        if self._state.settings.arm_latency:
            await asyncio.sleep(self._state.settings.arm_latency)
        return await _carry_out(route, arm_request)

    async def _write_credential(self, route: Route, arm_request: ArmRequest) -> ArmResponse:
        """Write one credential of an identity at a time. A concurrent write is refused, not queued."""
        identity = self._credentials.begin_write(arm_request)
        try:
            await asyncio.sleep(max(self._state.settings.arm_latency, CREDENTIAL_WRITE))
            return await _carry_out(route, arm_request)
        finally:
            if identity is not None:
                identity.writing = False

    def _caller(self, request: web.BaseRequest, host: str) -> Claims:
        """The caller, by the bearer token.

        Raises:
            ArmError: there is no token, or it is invalid, has expired or is for another audience.
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
        except InvalidTokenError as error:
            raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.") from error
        now = self._state.clock.now()
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
            if parts.get("subscription", seeded.SUBSCRIPTION).casefold() != seeded.SUBSCRIPTION:
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

    def _authorize(self, route: Route, arm_request: ArmRequest) -> None:
        if not route.kind:
            return
        action = route.action(arm_request.method).format_map(arm_request.params)
        # A list needs the action at the resource that contains the listed ones. The message names the scope as Azure does.
        scope = arm_request.path.rpartition("/")[0] if route.collection else arm_request.path
        checked_at = re.sub(r"/providers/[^/]+$", "", scope) if route.collection else scope
        caller = arm_request.caller
        decision = decide(
            self._state, caller.principal_id, action, checked_at, attributes=route.attributes(arm_request)
        )
        if decision.denied_by is not None:
            raise denied(caller.client_id, caller.principal_id, action, scope, decision.denied_by)
        if decision.condition_failed:
            raise condition_not_fulfilled(caller.client_id, caller.principal_id, action, scope)
        if not decision.granted:
            raise forbidden(caller.client_id, caller.principal_id, action, scope)

    def _require_unobstructed(self, route: Route, arm_request: ArmRequest) -> None:
        subscription = self._state.subscriptions.get(subscription_of(arm_request.path))
        if route.kind and subscription is not None:
            kind = route.kind.format_map(arm_request.params)
            require_unobstructed(self._state, VERBS[arm_request.method], kind, arm_request.path, subscription)

    def _require_tenant(self, caller: Claims, host: str, path: str) -> None:
        """A subscription trusts the tokens of its tenant only.

        Raises:
            ArmError: the caller's token is another tenant's.
        """
        subscription = self._state.subscriptions.get(subscription_of(path))
        if subscription is not None and subscription.tenant != caller.tenant:
            prefix = ARM_HOSTS[host].issuer_prefix
            raise wrong_tenant(f"{prefix}{caller.tenant}/", f"{prefix}{subscription.tenant}/", subscription.tenant)


async def _carry_out(route: Route, arm_request: ArmRequest) -> ArmResponse:
    answer = route.operations[arm_request.method](arm_request)
    return await answer if inspect.isawaitable(answer) else answer


def _identity_operation(route: Route, arm_request: ArmRequest) -> str | None:
    if not route.identity:
        return None
    if route.collection:
        return "list"
    return {"GET": "get", "DELETE": "delete"}.get(arm_request.method, "write")


def _resource(arm_request: ArmRequest) -> str:
    """The managed identity in a request's path, for which its provider counts requests. Else the whole path."""
    match = re.match(r".*/userassignedidentities/[^/]+", arm_request.path.casefold())
    return match[0] if match else arm_request.path.casefold()


def _unauthorized(code: str, message: str) -> ArmError:
    challenge = (
        f'Bearer authorization_uri="https://login.microsoftonline.com/{seeded.TENANT}", error="invalid_token", '
        f'error_description="{message}"'
    )
    return ArmError(401, code, message, gateway=True, headers={"WWW-Authenticate": challenge})


def _dotnet(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%-m/%-d/%Y %-I:%M:%S %p")
