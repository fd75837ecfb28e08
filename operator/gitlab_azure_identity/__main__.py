"""Start: `python -m gitlab_azure_identity run`."""

import argparse
import asyncio
import gc
import sys
from contextlib import AsyncExitStack

from gitlab_azure_identity.azure import arm
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.redaction import redact
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.logs import configure_logging
from gitlab_azure_identity.probes import serve
from gitlab_azure_identity.reconcile.goals import World
from gitlab_azure_identity.reconcile.loop import Pace, Reconciler
from gitlab_azure_identity.reconcile.ports import Azure, Kube
from gitlab_azure_identity.settings import Settings, Unusable, load
from gitlab_azure_identity.watch import stop_on_signal, watch

UNUSABLE = 2  # exit status: nothing was started, mend the settings


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises Unusable when the environment does not say how to log in, to Azure or to the cluster."""
    cloud, timeout = CLOUDS[settings.cloud], settings.request_timeout
    throttle = Throttle(
        settings.throttle.rates == "Published", settings.throttle.identity_burst, settings.throttle.subscription_burst
    )
    ready, stop = asyncio.Event(), asyncio.Event()
    stop_on_signal(stop)
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
        # What the imports left behind stays for the life of the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        await watch(cluster, reconciler, timeout, ready, stop)


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
