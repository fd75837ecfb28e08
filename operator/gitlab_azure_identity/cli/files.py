"""A resource from a file, as a person wrote it."""

from collections.abc import Iterator
from typing import IO, Any

import yaml

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Spec
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
    resource = Resource.parse({"metadata": metadata, "spec": found[chosen].get("spec")})
    if resource.spec is not None and (stray := next(_stray(found[chosen]["spec"], _kept(resource.spec), "spec"), None)):
        raise CouldNotCheck(f"{chosen} in {file} has a field that no {KIND} has: {stray}")
    return resource


def _kept(spec: Spec) -> Any:
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _stray(given: Any, kept: Any, path: str) -> Iterator[str]:
    """The fields that were dropped when the spec was read, each with the command that shows those that there are. kubectl refuses
    them too."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                yield from _stray(value, kept[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}. See: kubectl explain gai.{path}"
    elif isinstance(given, list) and isinstance(kept, list):
        for one, other in zip(given, kept, strict=True):
            yield from _stray(one, other, path)


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
