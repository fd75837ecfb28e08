"""What is known of releases of GitLab and its chart that concerns their storage: what cannot work, and what has a defect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gitlab_azure_identity.api.containers import GITALY_BUNDLES
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease, Releases
from gitlab_azure_identity.domain.gitlab.use import Use


@dataclass(frozen=True)
class Known:
    """Something that is known of some releases. `of` says whose versions `releases` are. `concerns` says whether it matters to a
    GitLab. One that is `unusable` cannot use the identity at all."""

    of: Literal["chart", "gitlab"]
    releases: Releases
    concerns: Callable[[Use], bool]
    message: str
    source: str
    unusable: bool = False

    def may_have(self, release: GitLabRelease) -> bool:
        """Whether a release that a person named may be one of these."""
        return self._of(release).overlaps(self.releases)

    def has(self, release: GitLabRelease) -> bool:
        """Whether every release that a person named is one of these."""
        return self._of(release).within(self.releases)

    def _of(self, release: GitLabRelease) -> Releases:
        return release.chart if self.of == "chart" else release.gitlab


PAGES_NEED_A_CONNECTION: Final = Releases((10, 0, 3), (10, 0, 0))
"""Charts that refuse Pages without a connection of their own, also where the consolidated one serves them (charts !5137)."""

BACKUPS_NEED_A_SECRET: Final = Releases((10, 3, 0), (10, 0, 0))
"""Charts that refuse a toolbox without a secret for backups, also where nobody makes any (chart 10.3.0: 5924ee88)."""

WITHOUT_MINIO: Final = Releases((11, 0, 0), (10, 0, 0))
"""Charts that bring no MinIO of their own (charts !4964)."""


NEWER_PARAMETERS: Final = ("maxRetries", "retryTryTimeout", "retryDelay", "maxRetryDelay", "debugLog", "debugLogEvents")
"""Parameters that the registry's driver has had by these names since 4.17 (registry/storage/driver/azure/common/parser.go)."""


def pages_need_a_connection(use: Use) -> bool:
    """Whether the values have a connection for Pages. Charts after those refuse one."""
    in_values = "pages" in use.containers and use.object_storage_secret is not None
    return in_values and use.release is not None and use.release.chart.within(PAGES_NEED_A_CONNECTION)


def backups_may_need_a_secret(use: Use) -> bool:
    """Whether the chart may refuse a toolbox without a secret for backups."""
    return use.release is None or use.release.chart.overlaps(BACKUPS_NEED_A_SECRET)


def backups_get_a_secret(use: Use) -> bool:
    """Whether the values name a secret for backups that nobody makes. It is that of object storage: it names the account, and the
    pod has no right to a container for backups."""
    unused = use.backup_secret is None and "backups" in use.switched_off
    return unused and use.object_storage_secret is not None and backups_may_need_a_secret(use)


def bundles_minio(use: Use) -> bool:
    """Whether the chart may bring a MinIO, which must be switched off."""
    return use.release is None or not use.release.chart.within(WITHOUT_MINIO)


KNOWN: Final[Sequence[Known]] = (
    Known(
        "chart",
        Releases((8, 9, 0)),
        lambda use: use.object_storage_secret is not None,
        "The chart before 8.9 (GitLab before 17.9) does not render without a storage key: upgrade it.",
        "https://gitlab.com/gitlab-org/charts/gitlab/-/commit/6d82072f78fe0cd8db9b5a65933b60a73a535b4c",
        unusable=True,
    ),
    Known(
        "chart",
        Releases((8, 8, 0)),
        lambda use: use.registry_secret is not None,
        "The registry before 4.15 (chart before 8.8) has no azure_v2 driver, and does not start with the secret: upgrade the "
        "chart.",
        "https://gitlab.com/gitlab-org/charts/gitlab/-/merge_requests/4059",
        unusable=True,
    ),
    Known(
        "chart",
        Releases((8, 10, 0)),
        lambda use: use.registry_secret is not None and not use.registry_parameters.isdisjoint(NEWER_PARAMETERS),
        f"The registry before 4.17 (chart before 8.10) ignores {', '.join(NEWER_PARAMETERS)} of secrets.registry.parameters.",
        "https://gitlab.com/gitlab-org/container-registry/-/commit/4f3a71adbaeef695c5af1bcce4ae9739bfd593b3",
    ),
    Known(
        "gitlab",
        Releases((19, 3, 0), (17, 9, 0)),
        lambda use: use.in_rails,
        "GitLab before 19.3, except the last patches of 19.2, is refused with 401 by the storage once its processes are a day or "
        "two old (gitlab-fog-azure-rm before 2.5.2). Upgrade it, or restart webservice and sidekiq daily.",
        "https://gitlab.com/gitlab-org/gitlab/-/merge_requests/257441",
    ),
    Known(
        "chart",
        Releases((9, 11, 3), (9, 11, 0)),
        lambda use: use.object_storage_secret is not None and "dependencyProxy" not in use.containers,
        "Chart 9.11.0 to 9.11.2 stops its migrations with `Object storage for dependency_proxy must have a bucket specified`. "
        "Upgrade to 9.11.3, or name storage.containers.dependencyProxy.",
        "https://gitlab.com/gitlab-org/charts/gitlab/-/work_items/6423",
    ),
    Known(
        "chart",
        PAGES_NEED_A_CONNECTION,
        lambda use: "pages" in use.containers and not pages_need_a_connection(use),
        "Chart 10.0.0 to 10.0.2 refuses Pages without a connection of their own. Upgrade to 10.0.3, or name exactly that chart "
        "in spec.gitlab.version: the values then have the connection.",
        "https://gitlab.com/gitlab-org/charts/gitlab/-/work_items/6531",
    ),
)


def limits(use: Use) -> tuple[str, ...]:
    """What an identity cannot do in any release that is known.

    Gitaly has gocloud.dev sign the addresses of bundles. Its Azure driver signs with an access key alone, and else answers `SAS
    can only be signed with a SharedKeyCredential` (0.34 to 0.46, blob/azureblob/azureblob.go). Gitaly then offers no bundle
    (18.9, internal/bundleuri/manager.go)."""
    if GITALY_BUNDLES not in use.containers:
        return ()
    return (
        "Gitaly writes bundles, but offers none to clients: it signs their addresses only with an access key (Gitaly 18.9).",
    )


def unusable(use: Use) -> tuple[Known, ...]:
    """Why the GitLab cannot use the identity. Empty when it can, or when nobody says which release it is."""
    release = use.release
    return tuple(one for one in KNOWN if release and one.unusable and one.has(release) and one.concerns(use))


def defects(use: Use) -> tuple[Known, ...]:
    """What is known to go wrong in the release that was named, or in some of those that were named."""
    release, fatal = use.release, unusable(use)
    return tuple(one for one in KNOWN if release and one not in fatal and one.may_have(release) and one.concerns(use))
