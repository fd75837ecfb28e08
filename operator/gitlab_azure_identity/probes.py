"""/healthz, /readyz and /metrics."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(port: int, ready: asyncio.Event, standby: asyncio.Event) -> AsyncIterator[None]:
    """Answer probes while the operator runs. /healthz: the event loop runs. /readyz: the API server has listed our resources,
    and kopf watches them (`ready`); or another replica does, and this one would take over (`standby`)."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if ready.is_set():
            return web.Response(text="ok\n")
        return web.Response(text="standby\n") if standby.is_set() else web.Response(status=503, text="not watching\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, port=port)
        await site.start()
        log.info("probes at port %s", runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()
