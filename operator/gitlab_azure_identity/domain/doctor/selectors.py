"""Label selectors, evaluated as the API server does (apimachinery, pkg/apis/meta/v1, LabelSelectorAsSelector)."""

from collections.abc import Mapping
from typing import Any


def unmet(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> str | None:
    """The first requirement that the labels do not meet, in words. None when the selector admits an object with these labels. No
    selector, and an empty one, admit every object."""
    given = selector or {}
    for key, value in (given.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return f"{key} must be {value}"
    for one in given.get("matchExpressions") or ():
        key, operator, values = one["key"], one["operator"], one.get("values") or []
        if not _met(operator, labels.get(key), values):
            return " ".join([key, "must", _OPERATORS[operator], ", ".join(values)]).rstrip()
    return None


_OPERATORS = {"In": "be one of", "NotIn": "be none of", "Exists": "be there", "DoesNotExist": "not be there"}


def _met(operator: str, value: str | None, values: list[str]) -> bool:
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
    return value is None
