"""A resource from a file, as a person wrote it."""

from typing import IO, Any

import yaml

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.problems import CouldNotCheck

WRITTEN = {"uid": "", "resourceVersion": "", "generation": 0}  # the API server fills these in


def text_of(file: IO[str]) -> str:
    """The text of a file. Raises CouldNotCheck."""
    try:
        return file.read()
    except ValueError as error:  # no UTF-8
        raise CouldNotCheck(f"{file.name} is not text: {error}.") from error


def read(text: str, file: str, name: str | None = None, namespace: str | None = None) -> Resource:
    """The resource of that name in the YAML of a file, which may have other documents too. Without a name it must be the only
    one. `namespace` is that of a resource which names none. Raises CouldNotCheck."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise CouldNotCheck(f"{file} is not YAML: {' '.join(str(error).split())}. Correct it there.") from error
    found = {_name(each, file): each for each in _resources(documents)}
    if not found:
        raise CouldNotCheck(f"{file} has no {KIND} of {API_VERSION}. Name a file that has one.")
    if name is None and len(found) > 1:
        raise CouldNotCheck(f"{file} has {len(found)} resources. Name one of them: {', '.join(sorted(found))}.")
    chosen = name or next(iter(found))
    if chosen not in found:
        raise CouldNotCheck(f"{file} has no {KIND} {chosen}. It has: {', '.join(sorted(found))}.")
    own = found[chosen]["metadata"].get("namespace")
    metadata = {"namespace": str(own or namespace or "default"), "name": chosen, **WRITTEN}
    return Resource.parse({"metadata": metadata, "spec": found[chosen].get("spec")})


def _resources(documents: list[Any]) -> list[dict[str, Any]]:
    """The resources among the documents, and in a list among them."""
    mappings = [each for each in documents if isinstance(each, dict)]
    lists = [each.get("items") for each in mappings if each.get("kind") == "List"]
    entries = [item for each in lists if isinstance(each, list) for item in each]
    return [
        each
        for each in (*mappings, *entries)
        if isinstance(each, dict) and (each.get("apiVersion"), each.get("kind")) == (API_VERSION, KIND)
    ]


def _name(body: dict[str, Any], file: str) -> str:
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise CouldNotCheck(f"A {KIND} in {file} has no metadata.name. Add it: the names of its secrets begin with it.")
    return name
