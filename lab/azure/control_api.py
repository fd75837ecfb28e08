"""The control API, for tests and the lab's command line: plain HTTP on the loopback interface. lab/controls.py is its client."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lab.azure.calls import CallLog
from lab.azure.entra.errors import EntraError
from lab.azure.entra.issuers import Issuers
from lab.azure.entra.resources import audience, resource_audience
from lab.azure.faults import Fault, Faults
from lab.azure.resource_manager.throttle import Throttle
from lab.azure.state import AzureState
from lab.azure.tokens import SigningKey
from lab.azure.world import world_routes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    def __init__(
        self, state: AzureState, key: SigningKey, issuers: Issuers, calls: CallLog, faults: Faults, throttle: Throttle
    ) -> None:
        self._state = state
        self._key = key
        self._issuers = issuers
        self._calls = calls
        self._faults = faults
        self._throttle = throttle

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_explain])
        application.add_routes(
            [
                web.get("/calls", self._list_calls),
                web.delete("/calls", self._clear_calls),
                web.get("/faults", self._list_faults),
                web.post("/faults", self._add_fault),
                web.delete("/faults", self._clear_faults),
                web.get("/settings", self._list_settings),
                web.patch("/settings", self._change_settings),
                web.post("/issuers", self._publish_issuer),
                web.post("/tokens", self._token),
                web.post("/principals", self._name_principal),
                *world_routes(self._state, self._issuers),
            ]
        )
        return application

    async def _list_calls(self, _: web.Request) -> web.Response:
        return web.json_response(self._calls.as_list())

    async def _clear_calls(self, _: web.Request) -> web.Response:
        self._calls.clear()
        return web.json_response({})

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.waiting())

    async def _add_fault(self, request: web.Request) -> web.Response:
        self._faults.add(Fault(**await request.json()))
        return web.json_response({})

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({})

    async def _list_settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._state.settings.as_dict())

    async def _change_settings(self, request: web.Request) -> web.Response:
        values = await request.json()
        self._state.settings.change(values)
        if "throttle" in values:
            self._throttle.reset()
        return web.json_response(self._state.settings.as_dict())

    async def _publish_issuer(self, request: web.Request) -> web.Response:
        sent: dict[str, Any] = await request.json()
        self._issuers.publish(sent["issuer"], sent["openid_configuration"], sent["jwks"])
        return web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        sent: dict[str, str] = await request.json()
        principal = self._state.named_principal(sent["principal"])
        if principal is None:
            raise ValueError(f"There is no principal with the name or id {sent['principal']!r}.")
        wanted = sent["resource"]
        name, cloud = audience(wanted) if wanted.split()[0].endswith("/.default") else resource_audience(wanted)
        return web.json_response({"token": self._key.issue(principal, name, cloud, self._state.clock)})

    async def _name_principal(self, request: web.Request) -> web.Response:
        sent: dict[str, str] = await request.json()
        for principal_id, name in list(self._state.names.items()):
            if name == sent["name"]:
                del self._state.names[principal_id]
        self._state.names[sent["principal_id"].casefold()] = sent["name"]
        return web.json_response({})


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a wrong request with 400 and the cause as text, instead of 500."""
    try:
        return await handler(request)
    except (ValueError, TypeError, KeyError, EntraError) as error:
        return web.Response(status=400, text=str(error))
