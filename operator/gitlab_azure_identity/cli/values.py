"""The Helm values of a resource, in a file or in a cluster."""

from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from gitlab_azure_identity.api.containers import RUNNER_CACHE
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.files import read, text_of
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import known_host, use_of
from gitlab_azure_identity.domain.gitlab.notes import about_the_values
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import gitlab_operator_values, gitlab_values, runner_values
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.terms import recorded_cloud


class Shape(StrEnum):
    """Who is to read the values."""

    HELM = "helm"
    GITLAB_OPERATOR = "gitlab-operator"
    GITLAB_RUNNER = "gitlab-runner"


@dataclass(frozen=True)
class Values:
    """The Helm values of a GitLab that uses its storage so. `resource` is the name of the resource."""

    resource: str
    use: Use

    def text(self, shape: Shape = Shape.HELM) -> str:
        """Raises CouldNotCheck where the resource has nothing for that reader."""
        if shape is Shape.HELM:
            return gitlab_values(self.use)
        if shape is Shape.GITLAB_OPERATOR:
            return gitlab_operator_values(self.use)
        if text := runner_values(self.use):
            return text
        raise CouldNotCheck(
            f"{self.resource} serves no runner. Name its container: spec.storage.containers.{RUNNER_CACHE}."
        )

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why the release of GitLab cannot use them at all."""
        return tuple(known.message for known in unusable(self.use))

    @property
    def notes(self) -> tuple[str, ...]:
        """What they cannot do."""
        return about_the_values(self.use)


def of_file(file: IO[str], name: str | None, namespace: str | None, cloud: str | None) -> Values:
    """The values for the resource in a file. Raises CouldNotCheck."""
    return _values(read(text_of(file), file.name, name, namespace), cloud)


def of_resource(name: str, context: str | None, namespace: str | None, cloud: str | None) -> Values:
    """The values for a resource in the cluster. Raises CouldNotCheck."""
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415 - a file needs no client of the API server

    body = ran(lambda session: session.one(name), context, namespace)
    return _values(Resource.parse(body), cloud)


def _values(resource: Resource, named: str | None) -> Values:
    """The values in the cloud that the person named, or else in that of the status."""
    if resource.spec is None:
        raise CouldNotCheck(
            f"The spec of {resource.key.name} does not fit the schema: {resource.unreadable}. Correct it."
        )
    account = resource.spec.storage.account_name
    cloud = CLOUDS[named] if named else recorded_cloud(resource) or CLOUDS["AzurePublic"]
    domain = known_host(resource, account, cloud).removeprefix(f"{account}.")
    return Values(resource.key.name, use_of(resource.spec, resource.key.name, domain))
