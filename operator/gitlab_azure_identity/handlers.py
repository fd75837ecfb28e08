"""What kopf calls. Each handler makes one call, and is done.

kopf watches, and no more. Its own handlers of deletions keep their progress in annotations of the object, and believe what they
find there; its daemons are not started again for an object that is being deleted (measured, kopf 1.45.2). So passes,
deletions and the finalizer are the loop's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.api.resource import Key, deleting, let_go, news
from gitlab_azure_identity.kube.client import Access
from gitlab_azure_identity.reconcile.loop import Loop


class NoDiffs(kopf.DiffBaseStorage):
    """Remembers nothing on the object, and reads nothing there: what is there decides what is done, not what changed."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def store(self, **_: Any) -> None: ...


def register(
    registry: kopf.OperatorRegistry,
    loop: Loop,
    access: Callable[[], Awaitable[Access]],
    request_timeout: float,
    over: asyncio.Event,
) -> None:
    """Put the handlers into a registry, for one run of kopf with `over` as its stop flag. `access` is how our own client logs
    in: kopf is to watch the cluster that we write to, and its own logins prefer the pod's service account to KUBECONFIG, or
    read that differently."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**vars(await access()))

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.persistence.finalizer = (
            f"{GROUP}/none-of-kopfs"  # kopf takes its finalizer off where none of its handlers needs it
        )
        settings.persistence.diffbase_storage = NoDiffs()
        settings.posting.enabled = False  # events are posted by the loop, on transitions alone
        settings.peering.standalone = True
        settings.scanning.disabled = True
        # Both time-outs: behind AKS's load balancer a watch can fall silent, and a server's alone did not help
        # (Twingate/kubernetes-operator #642, #646).
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 310
        settings.watching.connect_timeout = 30
        settings.networking.request_timeout = request_timeout
        settings.networking.connect_timeout = 10
        settings.networking.error_backoffs = (1, 1, 2, 3)  # then it gives up, and is run again as soon as that helps
        settings.process.ultimate_exiting_timeout = None  # else a watch that failed ends the process ten minutes later

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="wake")
    async def wake(type: str | None, meta: kopf.Meta, **_: Any) -> None:  # noqa: A002 - kopf's name
        """Tell the loop what may be new. Everything else about an object (its status, labels) is no reason to wake."""
        key, uid = Key(str(meta.namespace), str(meta.name)), str(meta.uid)
        if type == "DELETED" or let_go(meta):
            loop.forget(key, uid)
        else:
            loop.notice(key, uid, news(meta), deleting=deleting(meta))

    @kopf.on.cleanup(registry=registry)
    async def leave(**_: Any) -> None:
        """End what kopf would wait five seconds for, and then cancel: the loops, and its own wait for the stop flag."""
        await loop.leave()
        over.set()
