"""A resource from a file, as a person wrote it, and as kubectl would send it."""

import json
import re
from collections.abc import Iterator
from typing import IO, Any

import yaml

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.schema import SUBDOMAIN
from gitlab_azure_identity.api.spec import Spec
from gitlab_azure_identity.cli.problems import CouldNotCheck

WRITTEN = {"uid": "", "resourceVersion": "", "generation": 0}  # the API server fills these in
LONGEST_NAME = 63  # characters; a rule of the definition, since the name becomes the value of a label
FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


def text_of(file: IO[str]) -> str:
    """The text of a file. Raises CouldNotCheck."""
    try:
        return file.read()
    except ValueError as error:  # no UTF-8
        raise CouldNotCheck(f"{file.name} is not text: {error}.") from error


def read(
    text: str, file: str, name: str | None = None, namespace: str | None = None, default: str = "default"
) -> Resource:
    """The resource in the YAML of a file, which may have other documents too. `name` and `namespace` are what a person asks for:
    without them it must be the only one. `default` is the namespace of a resource that names none. Raises CouldNotCheck."""
    body = _chosen(_bodies(text, file), file, name, namespace)
    if not re.fullmatch(SUBDOMAIN, _name(body)) or len(_name(body)) > LONGEST_NAME:
        raise CouldNotCheck(
            f"metadata.name of {_name(body)} in {file} is none that the API server takes. Use lower-case letters, digits, dashes "
            f"and dots, {LONGEST_NAME} characters at most."
        )
    metadata = {"namespace": _namespace(body) or namespace or default, "name": _name(body), **WRITTEN}
    resource = Resource.parse({"metadata": metadata, "spec": body.get("spec")})
    if stray := next(_strays(body, resource.spec), None):
        raise CouldNotCheck(f"{_name(body)} in {file} has a field that no {KIND} has: {stray}")
    return resource


def _bodies(text: str, file: str) -> list[dict[str, Any]]:
    """The resources of a file. kubectl applies them one after the other, so of several for one object the last counts."""
    try:
        documents = [_as_sent(each) for each in yaml.safe_load_all(text)]
    except (yaml.YAMLError, ValueError) as error:  # ValueError: it contains itself
        raise CouldNotCheck(f"{file} is not YAML: {' '.join(str(error).split())}. Correct it there.") from error
    entries = list(_entries(documents))
    found = [each for each in entries if (each.get("apiVersion"), each.get("kind")) == (API_VERSION, KIND)]
    if not found:
        kinds = sorted({f"{each['kind']} of {each.get('apiVersion')}" for each in entries if each.get("kind")})
        there = f" It has: {', '.join(kinds)}." if kinds else ""
        raise CouldNotCheck(f"{file} has no {KIND} of {API_VERSION}.{there} Name a file that has one.")
    if not all(map(_name, found)):
        raise CouldNotCheck(f"A {KIND} in {file} has no metadata.name. Add it: the names of its secrets begin with it.")
    return list({(_namespace(each), _name(each)): each for each in found}.values())


def _as_sent(document: Any) -> Any:
    """The document as kubectl sends it, which makes JSON of it, and as the API server takes it: a field without a value counts as
    one that is not there."""
    return _without_nulls(json.loads(json.dumps(document, default=str)))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return list(map(_without_nulls, value)) if isinstance(value, list) else value


def _entries(documents: list[Any]) -> Iterator[dict[str, Any]]:
    """The objects among the documents, and in a list among them: of kind List, or of a kind's own list."""
    for each in documents:
        if isinstance(each, dict):
            items = each.get("items") if str(each.get("kind")).endswith("List") else None
            yield from (one for one in items if isinstance(one, dict)) if isinstance(items, list) else [each]


def _chosen(found: list[dict[str, Any]], file: str, name: str | None, namespace: str | None) -> dict[str, Any]:
    names = sorted(map(_name, found))
    named = [each for each in found if name in (None, _name(each))]
    if not named:
        raise CouldNotCheck(f"{file} has no {KIND} {name}. It has: {', '.join(names)}.")
    there = [each for each in named if namespace is None or _namespace(each) in (None, namespace)]
    if not there:
        others = ", ".join(sorted({str(_namespace(each)) for each in named}))
        raise CouldNotCheck(
            f"{_name(named[0])} in {file} is of namespace {others}, and --namespace says {namespace}. Leave one of them out."
        )
    if len(there) > 1 and len(set(names)) == len(names):
        raise CouldNotCheck(f"{file} has {len(there)} resources. Name one of them: {', '.join(names)}.")
    if len(there) > 1:
        listed = ", ".join(f"{_namespace(each) or '(no namespace)'}/{_name(each)}" for each in there)
        raise CouldNotCheck(f"{file} has {len(there)} resources. Name one of them, and its --namespace: {listed}.")
    return there[0]


def _metadata(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("metadata")
    return found if isinstance(found, dict) else {}


def _name(body: dict[str, Any]) -> str:
    """The name, or an empty text where there is none."""
    found = _metadata(body).get("name")
    return found if isinstance(found, str) else ""


def _namespace(body: dict[str, Any]) -> str | None:
    found = _metadata(body).get("namespace")
    return str(found) if found else None


def _strays(body: dict[str, Any], spec: Spec | None) -> Iterator[str]:
    """The fields that no resource has, each with the command that shows those that there are. kubectl refuses them too."""
    kept = dict.fromkeys(FIELDS) | (
        {"spec": spec.model_dump(mode="json", by_alias=True, exclude_unset=True)} if spec else {}
    )
    yield from _dropped(body, kept, "")


def _dropped(given: Any, kept: Any, path: str) -> Iterator[str]:
    """The fields that were dropped when the resource was read."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                yield from _dropped(value, kept[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}".removeprefix(".") + f". See: kubectl explain gai{path}"
    elif isinstance(given, list) and isinstance(kept, list):
        for one, other in zip(given, kept, strict=True):
            yield from _dropped(one, other, path)
