"""What one GitLab uses of its storage: what its Helm values are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitlab_azure_identity.api.containers import GITALY_BACKUPS, GITALY_BUNDLES, OBJECT_STORAGE, PURPOSES, RUNNER_CACHE
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease

SecretKey = tuple[str, str]
"""Name and key of a secret."""

APP_CONFIG: Final = [purpose for purpose in OBJECT_STORAGE if purpose != "pages"]
"""The purposes that have a section of their own under global.appConfig."""

SWITCHED: Final = [purpose for purpose in APP_CONFIG if purpose != "uploads"]
"""Those of them that GitLab has a switch for: `global.appConfig.<purpose>.enabled`. With uploads off the chart only takes them
out of object storage: they would be on the disk of a pod, and end with it."""


@dataclass(frozen=True)
class Use:
    """What one GitLab uses of its storage.

    `service_accounts` are those that the operator creates. `account` is the storage account, and `domain` the host of its blob
    endpoint without its name. `containers` has the container name of each purpose, and `disabled` the purposes that are
    Disabled. A purpose that is in neither is one that the chart switches off, and nobody named. A secret is None when it is
    Disabled, or its container is. With `follow` the values switch off what is Disabled. `purposes` are those that the resource
    serves, None for all: any other is left to another resource.

    Raises ValueError for an unknown purpose.
    """

    service_accounts: Sequence[str]
    containers: Mapping[str, str]
    registry_secret: SecretKey | None
    object_storage_secret: SecretKey | None
    backup_secret: SecretKey | None
    account: str
    domain: str
    disabled: frozenset[str] = frozenset()
    registry_parameters: frozenset[str] = frozenset()  # those of the registry's driver that are set
    purposes: frozenset[str] | None = None
    follow: bool = False
    release: GitLabRelease | None = None

    def __post_init__(self) -> None:
        if unknown := (self.containers.keys() | self.disabled) - set(PURPOSES):
            msg = f"not a purpose of a container: {', '.join(sorted(unknown))}"
            raise ValueError(msg)

    def serves(self, *purposes: str) -> bool:
        """Whether the resource serves any of these purposes."""
        return self.purposes is None or not self.purposes.isdisjoint(purposes)

    @property
    def for_runners_alone(self) -> bool:
        """Whether GitLab's own pods use nothing of the storage."""
        others = (self.in_registry, self.in_rails, self.in_backups, self.containers.keys() - {RUNNER_CACHE})
        return RUNNER_CACHE in self.containers and not any(others)

    @property
    def switched_off(self) -> frozenset[str]:
        """The purposes that the values switch off."""
        return self.disabled if self.follow else frozenset()

    @property
    def in_registry(self) -> bool:
        """Whether the registry uses the storage."""
        return self.registry_secret is not None or "registry" in self.containers

    @property
    def in_rails(self) -> bool:
        """Whether Rails, Workhorse and Sidekiq use the storage."""
        return self.object_storage_secret is not None or not self.containers.keys().isdisjoint(OBJECT_STORAGE)

    @property
    def in_backups(self) -> bool:
        """Whether the toolbox backs up to the storage."""
        return self.backup_secret is not None or not self.containers.keys().isdisjoint(("backups", "tmp"))

    @property
    def in_gitaly(self) -> bool:
        """Whether Gitaly stores backups or bundles there."""
        return not self.containers.keys().isdisjoint((GITALY_BACKUPS, GITALY_BUNDLES))

    @property
    def components(self) -> tuple[str, ...]:
        """The components whose pods the values label, since they send requests to Azure."""
        used = {
            "registry": self.in_registry,
            "webservice": self.in_rails,
            "sidekiq": self.in_rails,
            "toolbox": self.in_rails or self.in_backups,
            "gitaly": self.in_gitaly,
        }
        return tuple(component for component, uses in used.items() if uses)
