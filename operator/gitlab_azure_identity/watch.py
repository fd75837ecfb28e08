"""The watch of our resources, as long as the operator runs. When the API server stops listing them, the watch starts again."""

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import Any

import aiohttp
import kopf
from kopf._cogs.clients.errors import APIError  # kopf raises both, and exports neither
from kopf._cogs.clients.watching import WatchingError

from gitlab_azure_identity import handlers
from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.kube.client import Cluster, ClusterError
from gitlab_azure_identity.reconcile.loop import Loop
from gitlab_azure_identity.waiting import unless, within

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds between two attempts to reach the API server
_ENDED = "%s are not watched any more, until the API server lists them: %s"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signs:
    """`ready` is set as long as the resources are listed and watched. `over` ends the watch. `stop` is what signals set; it sets
    `over` too."""

    ready: asyncio.Event
    over: asyncio.Event
    stop: asyncio.Event


async def watch(cluster: Cluster, loop: Loop, timeout: float, signs: Signs) -> None:
    """Watch until it is over. Without the definition of our resources, or the right to list them, the API server ends the watch,
    and kopf ends with it. A watch that ends again soon, such as one without the right to it, is begun after a growing wait: each
    begins with a pass over every resource."""
    wait = FIRST_WAIT
    while not signs.over.is_set() and await listed(cluster, signs.over):
        began = SYSTEM.steady()
        try:
            await _watch_once(cluster, loop, timeout, signs)
        except kopf.LoginError:  # 401: the token has expired, or its service account was deleted
            log.warning(_ENDED, PLURAL, "it no longer accepts the operator's token")
        except (APIError, WatchingError, aiohttp.ClientError, OSError) as error:
            log.warning(_ENDED, PLURAL, getattr(error, "message", None) or error)
        finally:
            signs.ready.clear()
        wait = min(2 * wait, LONGEST_WAIT) if SYSTEM.steady() - began < LONGEST_WAIT else FIRST_WAIT
        await within(wait, signs.over)


async def listed(cluster: Cluster, stop: asyncio.Event) -> bool:
    """Wait until the API server lists our resources. False when `stop` was set before that.

    kopf looks for the definition of the resource only once, at its start, and never watches one that is created later (measured,
    kopf 1.45.2 with scanning disabled). It also reports ready before it has logged in."""

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


class _Every(frozenset[Any]):
    """The set of everything."""

    def __contains__(self, _: object) -> bool:
        return True


async def _watch_once(cluster: Cluster, loop: Loop, timeout: float, signs: Signs) -> None:
    """Have kopf watch until it is over or the watch fails. The loops have ended when this returns.

    At its end kopf would wait five seconds for every other task of the process, and cancel those that last longer (kopf 1.45.2,
    run_tasks): a connection of Prometheus, or a renewal of the Lease. So it is told to ignore every task but its own. At its
    start it installs signal handlers that set its own stop flag. Ours are installed again at once."""
    registry, flag = kopf.OperatorRegistry(), asyncio.Event()
    handlers.register(registry, loop, cluster.access, timeout, flag)
    tasks = await kopf.spawn_tasks(registry=registry, clusterwide=True, ready_flag=signs.ready, stop_flag=flag)
    stop_on_signal(signs.stop)
    leaving = asyncio.ensure_future(_leave(signs, flag))
    try:
        await kopf.run_tasks(tasks, ignored=_Every())
    finally:
        leaving.cancel()


def stop_on_signal(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set `stop`."""
    events = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        events.add_signal_handler(number, stop.set)


async def _leave(signs: Signs, flag: asyncio.Event) -> None:
    """End kopf, by its stop flag, when it is over."""
    if await unless(signs.over, signs.ready.wait()):
        log.info("ready")
        await signs.over.wait()
    flag.set()
