"""Our resources are watched for as long as the operator runs, however often the API server stops listing them."""

import asyncio
import logging
import signal

import aiohttp
import kopf
from kopf._cogs.clients.errors import APIError  # kopf exports neither, and raises both
from kopf._cogs.clients.watching import WatchingError

from gitlab_azure_identity import handlers
from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.kube.client import Cluster, ClusterError
from gitlab_azure_identity.reconcile.loop import Loop
from gitlab_azure_identity.waiting import unless

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds between two tries to reach the API server
log = logging.getLogger(__name__)


async def watch(cluster: Cluster, loop: Loop, timeout: float, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Watch until `stop`. `ready` is set as long as the resources are listed and watched. Without their definition, or the right
    to them, the API server ends the watch, and kopf ends with it."""
    while not stop.is_set() and await listed(cluster, stop):
        try:
            await _watch_once(cluster, loop, timeout, ready, stop)
        except (APIError, WatchingError, aiohttp.ClientError, OSError) as error:
            said = getattr(error, "message", None) or error
            log.warning("%s are not watched any more, until the API server lists them: %s", PLURAL, said)
        finally:
            ready.clear()


async def listed(cluster: Cluster, stop: asyncio.Event) -> bool:
    """Wait until the API server lists our resources; False when `stop` was set before it did.

    kopf looks once, when it starts, whether there is such a resource, and would never watch one that came later (measured,
    kopf 1.45.2 with scanning disabled); and it says that it is ready before it has logged in."""

    async def ask() -> bool:
        wait = FIRST_WAIT
        while not await _lists(cluster):
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return True

    return await unless(stop, ask()) is not None


async def _lists(cluster: Cluster) -> bool:
    try:
        await cluster.request("GET", f"/apis/{GROUP}/{VERSION}/{PLURAL}", query={"limit": "1"})
    except ClusterError as error:
        log.warning("the API server does not list %s: %s", PLURAL, error)
        return False
    return True


async def _watch_once(cluster: Cluster, loop: Loop, timeout: float, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Have kopf watch, until `stop` or until it cannot. Its loops have ended when it returns."""
    registry, over = kopf.OperatorRegistry(), asyncio.Event()
    handlers.register(registry, loop, cluster.access, timeout, over)
    leaving = asyncio.ensure_future(_leave_on_signal(ready, stop, over))
    try:
        await kopf.operator(registry=registry, clusterwide=True, ready_flag=ready, stop_flag=over)
    finally:
        leaving.cancel()


def stop_on_signal(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set `stop`."""
    events = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        events.add_signal_handler(number, stop.set)


async def _leave_on_signal(ready: asyncio.Event, stop: asyncio.Event, over: asyncio.Event) -> None:
    """End kopf with `stop`. It puts handlers of its own in place when it starts, which leave its stop flag hanging for five
    seconds (measured, kopf 1.45.2): ours go in again after that."""
    await ready.wait()
    stop_on_signal(stop)
    log.info("ready")
    await stop.wait()
    over.set()
