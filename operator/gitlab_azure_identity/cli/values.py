"""The Helm values of a resource, in a file or in a cluster."""

from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.files import read, text_of
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.domain.desired import use_of
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import gitlab_operator_values, gitlab_values
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.judge import about_the_values


class Shape(StrEnum):
    """Who is to read the values."""

    HELM = "helm"
    GITLAB_OPERATOR = "gitlab-operator"


@dataclass(frozen=True)
class Values:
    """The Helm values of a GitLab that uses its storage so."""

    use: Use

    def text(self, shape: Shape = Shape.HELM) -> str:
        return gitlab_values(self.use) if shape is Shape.HELM else gitlab_operator_values(self.use)

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why the release of GitLab cannot use them at all."""
        return tuple(known.message for known in unusable(self.use))

    @property
    def notes(self) -> tuple[str, ...]:
        """What they cannot do."""
        return about_the_values(self.use)


def of_file(file: IO[str], name: str | None) -> Values:
    """The values for the resource in a file. Raises CouldNotCheck."""
    return _values(read(text_of(file), file.name, name))


def of_resource(name: str, context: str | None, namespace: str | None) -> Values:
    """The values for a resource in the cluster. Raises CouldNotCheck."""
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415 - a file needs no client of the API server

    body = ran(lambda session: session.one(name), context, namespace)
    return _values(Resource.parse(body))


def _values(resource: Resource) -> Values:
    if resource.spec is None:
        raise CouldNotCheck(
            f"The spec of {resource.key.name} does not fit the schema: {resource.unreadable}. Correct it."
        )
    return Values(use_of(resource.spec, resource.key.name))
