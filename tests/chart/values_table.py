"""The table of values in the chart's README, from values.yaml and values.schema.json: `make values` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from .rendering import CHART

README = CHART / "README.md"
BEGINNING = "| Value | Default | Meaning |\n|---|---|---|\n"
LONGEST = 60
"""Characters of a default. A longer one is left to values.yaml."""


def readme() -> str:
    """The README with the table as it should be."""
    text = README.read_text(encoding="utf-8")
    before, after = text.split(BEGINNING)
    rest = after[after.index("\n\n") :]
    return before + BEGINNING + "\n".join(rows()) + rest


def rows() -> Iterator[str]:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for name, default, meaning in _leaves(values, schema["properties"]):
        yield f"| `{name}` | {_shown(default)} | {meaning} |"


def _leaves(values: dict[str, Any], properties: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each value with its path, its default, and its meaning. What the schema does not describe further is one value."""
    for key, value in values.items():
        described = properties[key]
        if value and "properties" in described:
            yield from _leaves(value, described["properties"], f"{above}{key}.")
        else:
            yield above + key, value, described["description"]


def _shown(default: object) -> str:
    text = json.dumps(default, ensure_ascii=False) if not isinstance(default, str) or not default else default
    return f"`{text}`" if len(text) <= LONGEST else "[values.yaml](values.yaml)"


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
