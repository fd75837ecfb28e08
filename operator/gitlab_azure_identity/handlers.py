"""What kopf calls: one file, and the only one that knows kopf. Each handler parses, makes one call, and is done."""

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from gitlab_azure_identity.api import FINALIZER, GROUP, PLURAL, VERSION
from gitlab_azure_identity.api.resource import Key, news
from gitlab_azure_identity.kube.client import Access
from gitlab_azure_identity.reconcile.loop import DELETION_RETRY, Reconciler

DEFECT_RETRY = 60.0  # seconds until kopf starts a loop again that a defect has ended


class NoDiffs(kopf.DiffBaseStorage):
    """Remembers nothing on the object: what is there decides what is done, not what changed."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def store(self, **_: Any) -> None: ...


def register(
    registry: kopf.OperatorRegistry,
    reconciler: Reconciler,
    access: Callable[[], Awaitable[Access]],
    request_timeout: float,
) -> None:
    """Put the handlers into a registry. `access` is how our own client logs in: kopf is to watch the cluster that we write to,
    and its own logins prefer the pod's service account to KUBECONFIG, or read that differently."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**vars(await access()))

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.persistence.finalizer = FINALIZER
        settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
        settings.persistence.diffbase_storage = NoDiffs()
        settings.posting.enabled = False  # events are posted by the reconciler, on transitions alone
        settings.peering.standalone = True
        settings.scanning.disabled = True
        # Both time-outs: behind AKS's load balancer a watch can fall silent, and a server's alone did not help
        # (Twingate/kubernetes-operator #642, #646).
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 310
        settings.watching.connect_timeout = 30
        settings.networking.request_timeout = request_timeout
        settings.networking.connect_timeout = 10
        settings.background.cancellation_polling = 5

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="wake")
    async def wake(type: str | None, meta: kopf.Meta, **_: Any) -> None:  # noqa: A002 - kopf's name
        """Tell the loop what may be new. Everything else about an object (its status, labels) is no reason to wake."""
        if type == "DELETED":
            reconciler.forget(_key(meta), str(meta.uid))
        else:
            reconciler.notice(_key(meta), str(meta.uid), news(meta), held=FINALIZER in meta.get("finalizers", ()))

    @kopf.daemon(
        GROUP, VERSION, PLURAL, registry=registry, id="keep", cancellation_timeout=request_timeout, backoff=DEFECT_RETRY
    )
    async def keep(meta: kopf.Meta, stopped: kopf.DaemonStopped, **_: Any) -> None:
        await reconciler.keep(_key(meta), str(meta.uid), stopped)

    @kopf.on.delete(GROUP, VERSION, PLURAL, registry=registry, id="remove", backoff=DELETION_RETRY)
    async def remove(meta: kopf.Meta, retry: int, **_: Any) -> None:
        remaining = await reconciler.remove(_key(meta), str(meta.uid))
        if remaining is not None:
            raise kopf.TemporaryError(remaining.message, delay=reconciler.deletion_delay(remaining, retry))


def _key(meta: kopf.Meta) -> Key:
    return Key(str(meta.namespace), str(meta.name))
