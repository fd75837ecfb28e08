"""The start of the operator, from its settings to its watch. Each step is a function."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import aiohttp

from gitlab_azure_identity.azure import clients
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.client import Cluster
from gitlab_azure_identity.kube.leases import Leases
from gitlab_azure_identity.leadership import Leadership, Timing, own_name
from gitlab_azure_identity.metrics import start_at_zero
from gitlab_azure_identity.permit import Permit
from gitlab_azure_identity.probes import serve
from gitlab_azure_identity.reconcile.context import Azure, Context, Kube
from gitlab_azure_identity.reconcile.loop import Loop, Pace
from gitlab_azure_identity.reconcile.places import Places
from gitlab_azure_identity.settings import Settings, Unusable
from gitlab_azure_identity.tracing import traced
from gitlab_azure_identity.watch import Signs, stop_on_signal, watch


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises Unusable when the environment does not say how to log in, to Azure or to the cluster, or the port is taken."""
    ready, standby, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    stop_on_signal(stop)
    permit, places = Permit(), Places(settings.max_concurrent, settings.request_timeout)
    start_at_zero()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(traced(settings.tracing.endpoint))
        azure, session = await _connect_to_azure(stack, settings, permit)
        cluster = await _connect_to_cluster(stack, settings, permit)
        try:
            await stack.enter_async_context(serve(settings.http_port, ready, standby, places.stuck))
        except OSError as error:
            raise Unusable(f"httpPort {settings.http_port} cannot be used: {error.strerror or error}") from error
        # The objects that the imports created stay as long as the process: the collector need not examine them again.
        gc.collect()
        gc.freeze()
        terms = await stack.enter_async_context(aclosing(_terms(settings, cluster, permit, standby, stop)))
        async for over in terms:
            loop = _loop(settings, azure, session, cluster, places)
            await watch(cluster, loop, settings.request_timeout, Signs(ready, over, stop))


async def _terms(
    settings: Settings, cluster: Cluster, permit: Permit, standby: asyncio.Event, stop: asyncio.Event
) -> AsyncGenerator[asyncio.Event, None]:
    """The times in which this process does the work, each as the event that ends it. Without leader election there is one.

    Each has a loop of its own: what a former one remembered may have changed since."""
    election = settings.leader_election
    if election.namespace is None:
        yield stop
        return
    leases = Leases(cluster.for_leases(election.renew_deadline / 2), election.namespace, election.name)
    timing = Timing(election.lease_duration, election.renew_deadline, election.retry_period)
    async with aclosing(Leadership(leases, own_name(), timing, permit, standby, SYSTEM).terms(stop)) as terms:
        async for over in terms:
            yield over


async def _connect_to_azure(
    stack: AsyncExitStack, settings: Settings, permit: Permit
) -> tuple[Clients, aiohttp.ClientSession]:
    """Log in to Azure. Raises Unusable."""
    published = settings.throttle.rates == "Published"
    throttle = Throttle(published, settings.throttle.identity_burst, settings.throttle.subscription_burst)
    throttle.publish()
    try:
        return await stack.enter_async_context(
            clients.connect(CLOUDS[settings.cloud], throttle, settings.request_timeout, permit)
        )
    except ValueError as error:
        raise Unusable(
            f"cannot log in to Azure: {str(error).rstrip('.')}. The pod needs the label azure.workload.identity/use: "
            '"true" and a service account annotated with the client ID of the operator\'s identity'
        ) from error


async def _connect_to_cluster(stack: AsyncExitStack, settings: Settings, permit: Permit) -> Cluster:
    """Log in to the cluster. Raises Unusable."""
    try:
        return await stack.enter_async_context(client.connect(settings.request_timeout, permit=permit))
    except ValueError as error:
        raise Unusable(f"cannot log in to the cluster: {error}") from error


def _loop(settings: Settings, azure: Clients, session: aiohttp.ClientSession, cluster: Cluster, places: Places) -> Loop:
    """The loop and everything that it needs."""
    context = Context(
        terms=Terms(settings.cluster, azure.cloud, settings.defaults, settings.policy),
        issuer=settings.issuer,
        propagation_limit=settings.propagation_limit,
        azure=Azure.through(azure, session, settings.request_timeout, SYSTEM),
        kube=Kube.through(cluster, SYSTEM, settings.check_rate),
        clock=SYSTEM,
    )
    pace = Pace(settings.resync_interval, settings.stalled_interval, settings.max_backoff, settings.check_interval)
    return Loop(context, pace, places)
