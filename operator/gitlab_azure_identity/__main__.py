"""Start: `python -m gitlab_azure_identity run`."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from contextlib import AsyncExitStack

import kopf

from gitlab_azure_identity import handlers
from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.azure import arm
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.redaction import redact
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.logs import configure_logging
from gitlab_azure_identity.probes import serve
from gitlab_azure_identity.reconcile.goals import World
from gitlab_azure_identity.reconcile.loop import Pace, Reconciler
from gitlab_azure_identity.reconcile.ports import Azure, Kube
from gitlab_azure_identity.settings import Settings, Unusable, load

UNUSABLE = 2  # exit status: nothing was started, mend the settings
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds between two tries to reach the API server
log = logging.getLogger("gitlab_azure_identity")


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises Unusable when the environment does not say how to log in, to Azure or to the cluster."""
    cloud, timeout = CLOUDS[settings.cloud], settings.request_timeout
    throttle = Throttle(
        settings.throttle.rates == "Published", settings.throttle.identity_burst, settings.throttle.subscription_burst
    )
    ready, stop = asyncio.Event(), asyncio.Event()
    _stop_on_signal(stop)
    async with AsyncExitStack() as stack:
        try:
            clients, session = await stack.enter_async_context(arm.connect(cloud, throttle, timeout))
        except ValueError as error:
            raise Unusable(
                f'cannot log in to Azure: {error}. The pod needs the label azure.workload.identity/use: "true" and a service '
                "account annotated with the client ID of the operator's identity"
            ) from error
        try:
            cluster = await stack.enter_async_context(client.connect(timeout))
        except ValueError as error:
            raise Unusable(f"cannot log in to the cluster: {error}") from error
        world = World(
            cluster=settings.cluster,
            cloud=cloud,
            defaults=settings.defaults,
            policy=settings.policy,
            issuer=settings.issuer,
            propagation_limit=settings.propagation_limit,
            azure=Azure.of(clients, session, timeout),
            kube=Kube.of(cluster),
        )
        pace = Pace(settings.resync_interval, settings.stalled_interval, settings.max_backoff)
        reconciler = Reconciler(world, pace, settings.max_concurrent)
        await stack.enter_async_context(serve(settings.http_port, ready))
        if not await listed(cluster, stop):
            return
        registry = kopf.OperatorRegistry()
        handlers.register(registry, reconciler, cluster.access, timeout)
        leaving = asyncio.ensure_future(_leave_on_signal(ready, stop))
        try:
            await kopf.operator(registry=registry, clusterwide=True, ready_flag=ready, stop_flag=stop)
        finally:
            leaving.cancel()


async def listed(cluster: client.Cluster, stop: asyncio.Event) -> bool:
    """Wait until the API server lists our resources; False when `stop` was set before it did.

    kopf looks once, when it starts, whether there is such a resource, and would never watch one that came later (measured,
    kopf 1.45.2 with scanning disabled); and it says that it is ready before it has logged in."""

    async def ask() -> None:
        wait = FIRST_WAIT
        while not await _lists(cluster):
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    asking, stopping = asyncio.ensure_future(ask()), asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return asking in done
    finally:
        for pending in (asking, stopping):
            pending.cancel()
        await asyncio.wait((asking, stopping))


async def _lists(cluster: client.Cluster) -> bool:
    try:
        await cluster.request("GET", f"/apis/{GROUP}/{VERSION}/{PLURAL}", query={"limit": "1"})
    except ClusterError as error:
        log.warning("the API server does not list %s: %s", PLURAL, error)
        return False
    return True


def _stop_on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="gitlab-azure-identity", description="The operator for GitLabAzureIdentity.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator; settings come from GAI_SETTINGS_FILE and GAI_* variables")
    parser.parse_args()
    try:
        settings = load()
        configure_logging(settings.log_level)
        asyncio.run(run(settings))
    except Unusable as error:
        sys.stderr.write(f"gitlab-azure-identity: {redact(str(error))}\n")
        sys.exit(UNUSABLE)


if __name__ == "__main__":
    main()
