"""Resources in examples and documentation, validated strictly against the CRD."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import yaml

from gitlab_azure_identity.api import KIND
from gitlab_azure_identity.api.resource import Resource

from .markdown import ROOT

Json = dict[str, Any]


@cache
def schema() -> Json:
    """The CRD's schema. Here an unknown field is an error; the API server would only drop it."""
    crd = yaml.safe_load((ROOT / "crds" / "gitlabazure.io_gitlabazureidentities.yaml").read_text(encoding="utf-8"))
    found: Json = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    metadata = {"type": "object", "required": ["name", "namespace"]}
    strict: Json = _strict({**found, "properties": {**found["properties"], "metadata": metadata}})
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items()}
    return strict | {"additionalProperties": False} if isinstance(node.get("properties"), dict) else strict


def check(manifest: Json) -> Resource:
    """The resource as the operator would read it. Raises an error if the schema or the model refuses it."""
    jsonschema.Draft202012Validator(schema()).validate(manifest)
    live = {**manifest["metadata"], "uid": "0", "resourceVersion": "1", "generation": 1}
    return Resource.parse({**manifest, "metadata": live})


def fields(node: Json | None = None, path: str = "spec") -> Iterator[str]:
    """The path of every field of the spec."""
    node = schema()["properties"]["spec"] if node is None else node
    for name, field in node.get("properties", {}).items():
        inner = f"{path}.{name}"
        items = field.get("items", {})
        if "properties" in field or "properties" in items:
            yield from fields(field if "properties" in field else items, inner)
        else:
            yield inner


def fields_set(node: Any, path: str = "spec") -> Iterator[str]:
    """The path of every field that a manifest's spec sets. An item of a list has the path of the list."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield f"{path}.{name}"
            yield from fields_set(value, f"{path}.{name}")
    elif isinstance(node, list):
        for item in node:
            yield from fields_set(item, path)


def is_our_kind(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == KIND
