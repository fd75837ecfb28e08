"""Start: from settings to an operator that runs. Each step is a function."""

import asyncio
import gc
import logging
import signal
from contextlib import AsyncExitStack

import aiohttp
import kopf

from gitlab_azure_identity import handlers
from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.azure import clients
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.client import Cluster, ClusterError
from gitlab_azure_identity.probes import serve
from gitlab_azure_identity.reconcile.context import Azure, Context, Kube
from gitlab_azure_identity.reconcile.loop import Loop, Pace
from gitlab_azure_identity.settings import Settings, Unusable
from gitlab_azure_identity.waiting import unless

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds between two attempts to reach the API server
log = logging.getLogger("gitlab_azure_identity")


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises Unusable when the environment does not say how to log in, to Azure or to the cluster."""
    ready, stop = asyncio.Event(), asyncio.Event()
    _stop_on_signal(stop)
    async with AsyncExitStack() as stack:
        azure, session = await _connect_to_azure(stack, settings)
        cluster = await _connect_to_cluster(stack, settings)
        await stack.enter_async_context(serve(settings.http_port, ready))
        if await _until_listed(cluster, stop):
            await _watch(settings, _loop(settings, azure, session, cluster), cluster, ready, stop)


async def _connect_to_azure(stack: AsyncExitStack, settings: Settings) -> tuple[Clients, aiohttp.ClientSession]:
    """Log in to Azure. Raises Unusable."""
    published = settings.throttle.rates == "Published"
    throttle = Throttle(published, settings.throttle.identity_burst, settings.throttle.subscription_burst)
    try:
        return await stack.enter_async_context(
            clients.connect(CLOUDS[settings.cloud], throttle, settings.request_timeout)
        )
    except ValueError as error:
        raise Unusable(
            f'cannot log in to Azure: {error}. The pod needs the label azure.workload.identity/use: "true" and a service '
            "account annotated with the client ID of the operator's identity"
        ) from error


async def _connect_to_cluster(stack: AsyncExitStack, settings: Settings) -> Cluster:
    """Log in to the cluster. Raises Unusable."""
    try:
        return await stack.enter_async_context(client.connect(settings.request_timeout))
    except ValueError as error:
        raise Unusable(f"cannot log in to the cluster: {error}") from error


def _loop(settings: Settings, azure: Clients, session: aiohttp.ClientSession, cluster: Cluster) -> Loop:
    """The loop, with all that it needs."""
    context = Context(
        terms=Terms(settings.cluster, azure.cloud, settings.defaults, settings.policy),
        issuer=settings.issuer,
        propagation_limit=settings.propagation_limit,
        azure=Azure.through(azure, session, settings.request_timeout, SYSTEM),
        kube=Kube.through(cluster, SYSTEM),
        clock=SYSTEM,
    )
    pace = Pace(settings.resync_interval, settings.stalled_interval, settings.max_backoff)
    return Loop(context, pace, settings.max_concurrent)


async def _until_listed(cluster: Cluster, stop: asyncio.Event) -> bool:
    """Wait until the API server lists our resources; False when `stop` was set before it did.

    kopf looks once, when it starts, whether there is such a resource, and would never watch one that came later (measured,
    kopf 1.45.2 with scanning disabled); and it says that it is ready before it has logged in."""

    async def ask() -> bool:
        wait = FIRST_WAIT
        while not await _is_listed(cluster):
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return True

    return await unless(stop, ask()) is not None


async def _is_listed(cluster: Cluster) -> bool:
    try:
        await cluster.request("GET", f"/apis/{GROUP}/{VERSION}/{PLURAL}", query={"limit": "1"})
    except ClusterError as error:
        log.warning("the API server does not list %s: %s", PLURAL, error)
        return False
    return True


async def _watch(settings: Settings, loop: Loop, cluster: Cluster, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Have kopf watch until `stop` is set."""
    registry = kopf.OperatorRegistry()
    handlers.register(registry, loop, cluster.access, settings.request_timeout)
    leaving = asyncio.ensure_future(_leave_on_signal(ready, stop))
    try:
        await kopf.operator(registry=registry, clusterwide=True, ready_flag=ready, stop_flag=stop)
    finally:
        leaving.cancel()


def _stop_on_signal(stop: asyncio.Event) -> None:
    events = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        events.add_signal_handler(number, stop.set)


async def _leave_on_signal(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT. kopf puts handlers of its own in place when it starts, which leave its stop flag
    hanging for five seconds (measured, kopf 1.45.2): ours go in again after that."""
    await ready.wait()
    _stop_on_signal(stop)
    # What the imports left behind stays for the life of the process: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    log.info("ready")
    await stop.wait()
