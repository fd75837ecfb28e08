"""`spec.storage.containers`: the container of each purpose, with the names of the GitLab chart."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from gitlab_azure_identity.api.schema import ContainerName, Model, rule


class ContainerManagement(StrEnum):
    """What the operator does about a container."""

    OBSERVE = "Observe"
    MANAGE = "Manage"
    DISABLED = "Disabled"


class Container(Model):
    name: ContainerName = Field(description="Name of the blob container.")
    management: ContainerManagement = Field(
        ContainerManagement.OBSERVE,
        description="Observe: the container must exist, and access to it is granted and verified. "
        "Manage: it is also created where it is missing, and never deleted. "
        "Disabled: access is neither granted nor verified, and the Helm values leave the container out.",
    )

    @property
    def enabled(self) -> bool:
        return self.management is not ContainerManagement.DISABLED


def _purpose(text: str) -> str:
    if text not in PURPOSES:
        msg = f"not a purpose of a container: {text}"
        raise ValueError(msg)
    return text


# The name that the GitLab chart gives the container of each purpose (chart 9.9.1, values.yaml). The API server fills it in.
# A purpose that the chart switches off is used only when the resource names its container.
ON_BY_DEFAULT = {
    "registry": "registry",
    "artifacts": "gitlab-artifacts",
    "lfs": "git-lfs",
    "uploads": "gitlab-uploads",
    "packages": "gitlab-packages",
    "backups": "gitlab-backups",
    "tmp": "tmp",
}
OFF_BY_DEFAULT = {
    "externalDiffs": "gitlab-mr-diffs",
    "terraformState": "gitlab-terraform-state",
    "ciSecureFiles": "gitlab-ci-secure-files",
    "dependencyProxy": "gitlab-dependency-proxy",
    "pages": "gitlab-pages",
}
CHART_NAMES = ON_BY_DEFAULT | OFF_BY_DEFAULT
OBJECT_STORAGE = [purpose for purpose in CHART_NAMES if purpose not in ("registry", "backups", "tmp")]
"""The purposes of Rails, Workhorse and Sidekiq: those of the chart's consolidated object storage."""

# The chart has no name for these: it takes an address, or the runner's settings. So the resource names their containers.
GITALY_BACKUPS, GITALY_BUNDLES, RUNNER_CACHE = "gitalyBackups", "gitalyBundles", "runnerCache"
PURPOSES = (*CHART_NAMES, GITALY_BACKUPS, GITALY_BUNDLES, RUNNER_CACHE)
Purpose = Annotated[str, AfterValidator(_purpose), WithJsonSchema({"type": "string", "enum": list(PURPOSES)})]


def _by_default(purpose: str) -> Container:
    return Container(name=CHART_NAMES[purpose])


# A CEL list of the names of the containers in use, for a rule of spec.storage. A purpose without one gets a name that no
# container can have, so the list needs no filtering.
_CONTAINER_NAMES = (
    "["
    + ", ".join(
        f"has(self.containers.{purpose}) && self.containers.{purpose}.management != 'Disabled' "
        f"&& (!has(self.purposes) || '{purpose}' in self.purposes) ? self.containers.{purpose}.name : '!{purpose}'"
        for purpose in PURPOSES
    )
    + "]"
)


def creates_containers(storage: str) -> str:
    """CEL: a container in use is created where it is missing. `storage` is spec.storage, as the rule sees it."""
    return " || ".join(
        f"(has({storage}.containers.{purpose}) && {storage}.containers.{purpose}.management == 'Manage' "
        f"&& (!has({storage}.purposes) || '{purpose}' in {storage}.purposes))"
        for purpose in PURPOSES
    )


def _containers_differ() -> str:
    """CEL: no two containers in use have the same name.

    CRD rules have no variables. A list around the list gives it a name, so the API server builds it once. Building it for
    each item took 8 ms of each write of a resource, its status included (measured, Kubernetes 1.37)."""
    return f"[{_CONTAINER_NAMES}].all(names, names.all(name, names.indexOf(name) == names.lastIndexOf(name)))"


def _container_named_twice() -> str:
    """The message of that rule, as CEL: it names the container. The API server evaluates it only when the rule fails."""
    twice = f"{_CONTAINER_NAMES}.filter(name, !{_CONTAINER_NAMES}.exists_one(other, other == name))[0]"
    return f"'container ' + {twice} + ' is named for two purposes: give each purpose a container of its own'"


def _listed_are_named() -> str:
    """CEL: a purpose that is listed has a container. Those that are on by default always have one."""
    named = " && ".join(
        f"(purpose != '{each}' || has(self.containers.{each}))" for each in PURPOSES if each not in ON_BY_DEFAULT
    )
    return f"!has(self.purposes) || self.purposes.all(purpose, {named})"


STORAGE_RULES = (
    rule(
        _containers_differ(),
        "give each purpose a container of its own: two of them name the same one",
        ".containers",
        message_expression=_container_named_twice(),
    ),
    rule(
        _listed_are_named(),
        "a purpose that is listed in purposes needs a container: name it in containers",
        ".purposes",
    ),
    rule(
        f"self.roleScope != 'Container' || !({creates_containers('self')})",
        "with roleScope: Container the identity has its role at containers that exist, and cannot create one: "
        "use roleScope: Account, or create the containers and set their management to Observe",
        ".containers",
    ),
)
"""The rules of `spec.storage` that compare purposes and containers."""


class Containers(Model):
    registry: Container = Field(_by_default("registry"), description="Container registry images.")
    artifacts: Container = Field(_by_default("artifacts"), description="CI job artifacts.")
    lfs: Container = Field(_by_default("lfs"), description="Git LFS objects.")
    uploads: Container = Field(_by_default("uploads"), description="User uploads.")
    packages: Container = Field(_by_default("packages"), description="Package registry.")
    backups: Container = Field(_by_default("backups"), description="Backups made by the toolbox.")
    tmp: Container = Field(_by_default("tmp"), description="The toolbox's scratch space while it restores a backup.")
    external_diffs: Container | None = Field(None, description="Merge request diffs. Used only when named.")
    terraform_state: Container | None = Field(None, description="Terraform state. Used only when named.")
    ci_secure_files: Container | None = Field(None, description="CI secure files. Used only when named.")
    dependency_proxy: Container | None = Field(None, description="Dependency proxy. Used only when named.")
    pages: Container | None = Field(None, description="GitLab Pages. Used only when named.")
    gitaly_backups: Container | None = Field(
        None,
        description="Backups of repositories that Gitaly makes itself (server-side backups). Used only when named.",
    )
    gitaly_bundles: Container | None = Field(
        None,
        description="Bundles of Gitaly, for Git's bundle URIs. Used only when named. Gitaly writes bundles with the identity, "
        "but signs their addresses only with an access key (Gitaly 18.9), so clients are offered none.",
    )
    runner_cache: Container | None = Field(
        None,
        description="Cache of GitLab Runner. Used only when named. Runners want a resource of their own: see "
        "storage.purposes.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Fill in the chart's names, as the API server does from the schema."""
        if not isinstance(given, dict):
            return given
        return {
            purpose: {"name": CHART_NAMES[purpose], **container}
            if isinstance(container, dict) and purpose in CHART_NAMES
            else container
            for purpose, container in given.items()
        }

    def created(self) -> frozenset[str]:
        """The names of the containers that are created where they are missing."""
        return frozenset(
            container.name for _, container in self._named_ones() if container.management is ContainerManagement.MANAGE
        )

    def enabled(self) -> dict[str, str]:
        """The names of the containers in use, by purpose, in the order of the schema."""
        return {purpose: container.name for purpose, container in self._named_ones() if container.enabled}

    def disabled(self) -> frozenset[str]:
        """The purposes whose container is Disabled."""
        return frozenset(purpose for purpose, container in self._named_ones() if not container.enabled)

    def _named_ones(self) -> Iterator[tuple[str, Container]]:
        for field in type(self).model_fields:
            container: Container | None = getattr(self, field)
            if container is not None:
                yield to_camel(field), container
