"""Names that YAML reads as something else than text. The API server takes text alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .rendering import CHART, MINIMAL, Helm, Rendered, parsed

NUMBER = "123"
NAMES = {"name", "namespace", "serviceAccountName", "priorityClassName", "policyName", "key", "secretName"}
TEXTS = {"labels", "matchLabels", "annotations", "resourceNames"}


def unlike_text(value: Any, path: str = "", *, text: bool = False) -> Iterator[str]:
    """The places that hold a name, a label or an annotation, and no text."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from unlike_text(each, f"{path}.{key}", text=text or key in TEXTS or key in NAMES)
            if not isinstance(key, str):
                yield f"{path}.{key}"
    elif isinstance(value, list):
        for each in value:
            yield from unlike_text(each, path, text=text and not isinstance(each, dict))
    elif text and not isinstance(value, str):
        yield path


def numbered(helm: Helm) -> Rendered:
    """The chart, with a number wherever a value or Helm gives a name."""
    monitoring = {"enabled": True, "labels": {NUMBER: NUMBER}}
    values = {
        **MINIMAL,
        "nameOverride": NUMBER,
        "fullnameOverride": NUMBER,
        "namespaces": [NUMBER],
        "priorityClassName": NUMBER,
        "caBundle": {"configMap": NUMBER, "key": NUMBER},
        "serviceAccount": {"name": NUMBER, "annotations": {NUMBER: NUMBER}},
        "networkPolicy": {"enabled": True},
        "podMonitor": monitoring,
        "prometheusRule": monitoring,
        "dashboard": monitoring,
        "podLabels": {NUMBER: NUMBER},
        "podAnnotations": {NUMBER: NUMBER},
        "commonLabels": {NUMBER: NUMBER},
        "nodeSelector": {NUMBER: NUMBER},
        "restart": {"enabled": True},
    }
    return parsed(helm.run("template", NUMBER, str(CHART), values=values))


def test_a_number_is_a_name_like_any_other(helm: Helm) -> None:
    rendered = numbered(helm)

    # What the definition calls name are its fields.
    ours = [each for each in rendered.documents if each["kind"] != "CustomResourceDefinition"]
    assert {f"{each['kind']}: {place}" for each in ours for place in unlike_text(each)} == set()
    assert rendered.one("RoleBinding", NUMBER)["metadata"]["namespace"] == NUMBER
