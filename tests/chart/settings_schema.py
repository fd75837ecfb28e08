"""What values.schema.json says of `settings`: the operator's own model. So Helm refuses what the operator would not start with.
`make values` writes it."""

from __future__ import annotations

import json
from typing import Any

from pydantic.alias_generators import to_camel

from gitlab_azure_identity.settings import Settings

from .rendering import CHART

FILE = CHART / "values.schema.json"
WIDTH = 130
TOLD_BY_THE_CHART = {"cluster", "cloud", "httpPort"}
"""What templates/_validate.tpl tells together with all else that is wrong."""
SET_BY_THE_CHART = {"namespace", "name"}
"""The Lease that the chart's Role is for."""

Schema = dict[str, Any]


def schema() -> Schema:
    """The whole schema of the values, with the settings as they should be."""
    found: Schema = json.loads(FILE.read_text(encoding="utf-8"))
    settings = found["properties"]["settings"]
    of_model = of_settings()
    described = settings["properties"]
    settings["additionalProperties"] = False
    settings["properties"] = {
        name: _described(described.get(name, {}), {} if name in TOLD_BY_THE_CHART else of_model["properties"][name])
        for name in [*described, *(name for name in of_model["properties"] if name not in described)]
    }
    return found


def _described(former: Schema, of_model: Schema) -> Schema:
    """The description stays. Of what the chart tells itself, everything does."""
    if not of_model:
        return former
    return {key: former[key] for key in ("description",) if key in former} | of_model


def of_settings() -> Schema:
    """The schema of the operator's settings, as their file spells them."""
    generated = Settings.model_json_schema()
    found: Schema = _plain(generated, generated.get("$defs", {}))
    lease = found["properties"]["leaderElection"]["properties"]
    for name in SET_BY_THE_CHART:
        del lease[name]
    return found


def _plain(value: Any, definitions: Schema) -> Any:
    """Without references, defaults and prose, and in camelCase."""
    if isinstance(value, list):
        return [_plain(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    if reference := value.get("$ref"):
        return _plain(definitions[reference.rpartition("/")[2]], definitions)
    kept = {key: each for key, each in value.items() if key not in ("title", "default", "description", "$defs")}
    if "anyOf" in kept:  # something, or null: the message of one type is plainer
        (something, _) = kept.pop("anyOf")
        kept = {**something, "type": [something["type"], "null"]}
    if "properties" in kept:
        properties = {to_camel(name): _plain(each, definitions) for name, each in kept.pop("properties").items()}
        required = {"required": [to_camel(name) for name in kept.pop("required")]} if "required" in kept else {}
        return {**_plain(kept, definitions), **required, "properties": properties}
    return {key: _plain(each, definitions) for key, each in kept.items()}


def text(value: Any, indent: str = "", before: int = 0) -> str:
    """JSON with an object or a list on one line where it fits."""
    short = _on_one_line(value)
    if not isinstance(value, dict | list) or not value or len(indent) + before + len(short) < WIDTH:
        return short
    inner = indent + "  "
    if isinstance(value, list):
        lines = [inner + text(each, inner) for each in value]
    else:
        lines = [f"{inner}{json.dumps(key)}: {text(each, inner, len(key) + 4)}" for key, each in value.items()]
    begin, end = "[]" if isinstance(value, list) else "{}"
    return begin + "\n" + ",\n".join(lines) + f"\n{indent}{end}"


def _on_one_line(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{json.dumps(key)}: {_on_one_line(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_on_one_line, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    FILE.write_text(text(schema()) + "\n", encoding="utf-8")
