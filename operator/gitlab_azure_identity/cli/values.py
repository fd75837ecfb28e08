"""The Helm values of a resource, in a file or in a cluster."""

from dataclasses import dataclass
from typing import IO

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.files import read
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.domain.desired import use_of
from gitlab_azure_identity.domain.gitlab.values import gitlab_values
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.judge import about_the_values


@dataclass(frozen=True)
class Values:
    """The Helm values, what they cannot do, and why the release of GitLab cannot use them at all."""

    text: str
    notes: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


def of_file(file: IO[str], name: str | None) -> Values:
    """The values for the resource in a file. Raises CouldNotCheck."""
    try:
        text = file.read()
    except ValueError as error:  # no UTF-8
        raise CouldNotCheck(f"{file.name} is not text: {error}.") from error
    return _values(read(text, file.name, name))


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
    use = use_of(resource.spec, resource.key.name)
    return Values(gitlab_values(use), about_the_values(use), tuple(known.message for known in unusable(use)))
