"""What a person's own Helm values must say beside those that the operator writes: of what is Disabled, and so left to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitlab_azure_identity.api.containers import OBJECT_STORAGE, ON_BY_DEFAULT
from gitlab_azure_identity.domain.gitlab.use import SWITCHED, Use
from gitlab_azure_identity.domain.gitlab.versions import backups_get_a_secret, backups_may_need_a_secret


@dataclass(frozen=True)
class OwnValue:
    """A Helm value that a person must set: its path, and the value or words for it."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}"


OF_YOURS = "<name of your secret>"
YOUR_CONTAINER = "<a container that the identity may use>"
OFF = "false"


def own_values(use: Use) -> tuple[OwnValue, ...]:
    """The values that are left to a person. Without them the chart does not render, or GitLab uses the chart's own container for
    what is Disabled."""
    return (*_of_containers(use), *_of_secrets(use))


def _of_containers(use: Use) -> Iterator[OwnValue]:
    """The switches of what is Disabled, and a container for what has no switch."""
    left = use.disabled - use.switched_off
    if "registry" in left:
        yield OwnValue("registry.enabled", OFF)
    for purpose in SWITCHED:
        if purpose in left and purpose in ON_BY_DEFAULT:
            yield OwnValue(f"global.appConfig.{purpose}.enabled", OFF)
    if "pages" in left:
        yield OwnValue("global.pages.objectStore.enabled", OFF)
    if "uploads" in use.disabled:
        yield OwnValue("global.appConfig.uploads.bucket", YOUR_CONTAINER)
    if "backups" in use.disabled and use.backup_secret is not None:
        yield OwnValue("global.appConfig.backups.bucket", YOUR_CONTAINER)
    if "tmp" in use.disabled and "backups" in use.containers:
        yield OwnValue("global.appConfig.backups.tmpBucket", YOUR_CONTAINER)


def _of_secrets(use: Use) -> Iterator[OwnValue]:
    """The secrets of others for what GitLab uses. There is no GitLab without object storage, since uploads have no switch."""
    if use.registry_secret is None and "registry" in use.containers:
        yield OwnValue("registry.storage.secret", OF_YOURS)
    if use.object_storage_secret is None and use.serves(*OBJECT_STORAGE):
        yield OwnValue("global.appConfig.object_store.enabled", "true")
        yield OwnValue("global.appConfig.object_store.connection.secret", OF_YOURS)
    if use.backup_secret is not None or not use.serves("backups", "tmp"):
        return
    if "backups" in use.containers:
        yield OwnValue("gitlab.toolbox.backups.objectStorage.backend", "azure")
        yield OwnValue("gitlab.toolbox.backups.objectStorage.config.secret", OF_YOURS)
    elif use.release is not None and backups_may_need_a_secret(use) and not backups_get_a_secret(use):
        yield OwnValue("gitlab.toolbox.backups.objectStorage.config.secret", OF_YOURS)
