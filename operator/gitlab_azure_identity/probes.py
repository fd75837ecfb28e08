"""/healthz, /readyz and /metrics."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from gitlab_azure_identity.api.resource import Key

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(
    port: int, ready: asyncio.Event, standby: asyncio.Event, stuck: Callable[[], Mapping[Key, float]]
) -> AsyncIterator[None]:
    """Answer probes while the operator runs. /healthz: the event loop runs, and no pass hangs (`stuck`: which, and for how many
    seconds). /readyz: the API server has listed our resources, and kopf watches them (`ready`); or another replica does, and
    this one would take over (`standby`)."""

    async def healthz(_: web.Request) -> web.Response:
        if not (hanging := stuck()):
            return web.Response(text="ok\n")
        text = "; ".join(f"the pass over {key} has hung for {seconds:.0f} seconds" for key, seconds in hanging.items())
        log.error("not alive: %s", text)
        return web.Response(status=503, text=f"{text}\n")

    async def readyz(_: web.Request) -> web.Response:
        if ready.is_set():
            return web.Response(text="ok\n")
        return web.Response(text="standby\n") if standby.is_set() else web.Response(status=503, text="not watching\n")

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(REGISTRY), headers={"Content-Type": content_type})

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
