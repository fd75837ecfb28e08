"""The handlers that kopf calls. Each makes one call.

kopf only watches. Its handlers of deletions keep their progress in annotations of the object, and believe the annotations that
they find. It does not start a daemon again for an object that is being deleted (measured, kopf 1.45.2). So the loop makes the
passes and the deletions, and writes the finalizer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from gitlab_azure_identity.api import GROUP, PLURAL, VERSION
from gitlab_azure_identity.api.resource import Key, deleting, let_go, news
from gitlab_azure_identity.kube.client import Access
from gitlab_azure_identity.reconcile.loop import Loop


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps kopf from storing the last seen spec in an annotation, and from reading it there. A pass has no use for it."""

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
    """Put the handlers into a registry, for one run of kopf with `over` as its stop flag. `access` is the login of our own
    client, so kopf watches the cluster that the operator writes to. kopf's own logins prefer the pod's service account to
    KUBECONFIG, or read KUBECONFIG differently."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**vars(await access()))

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        # Not ours: kopf removes its finalizer when none of its handlers needs it.
        settings.persistence.finalizer = f"{GROUP}/none-of-kopfs"
        settings.persistence.diffbase_storage = NoDiffs()
        settings.posting.enabled = False  # the loop posts events, on transitions only
        settings.peering.standalone = True
        settings.scanning.disabled = True
        # Both time-outs are needed: a watch can fall silent behind AKS's load balancer, and the server's time-out alone did not
        # help (Twingate/kubernetes-operator #642, #646).
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 310
        settings.watching.connect_timeout = 30
        settings.networking.request_timeout = request_timeout
        settings.networking.connect_timeout = 10
        settings.networking.error_backoffs = (1, 1, 2, 3)  # seconds; then kopf ends, and watch.py runs it again
        settings.process.ultimate_exiting_timeout = None  # else a failed watch ends the process ten minutes later

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="wake")
    async def wake(type: str | None, meta: kopf.Meta, **_: Any) -> None:  # noqa: A002 - kopf's name
        """Notify the loop of the parts of an object that may start a pass. Its status and its labels start none."""
        key, uid = Key(str(meta.namespace), str(meta.name)), str(meta.uid)
        if type == "DELETED" or let_go(meta):
            loop.forget(key, uid)
        else:
            loop.notice(key, uid, news(meta), deleting=deleting(meta))

    @kopf.on.cleanup(registry=registry)
    async def leave(**_: Any) -> None:
        """End the loops, and kopf's own wait for its stop flag, which would outlast kopf."""
        await loop.leave()
        over.set()
