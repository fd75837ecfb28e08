"""The table of settings that docs/settings.md must have."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from gitlab_azure_identity.settings import PREFIX, Settings


def rows() -> Iterator[str]:
    """One line for each setting: its name in the file, its variable, its default, its meaning."""
    for path, field in _leaves(Settings):
        name = ".".join(to_camel(part) for part in path)
        variable = PREFIX + "__".join(path).upper()
        yield f"| `{name}` | `{variable}` | {_default(field)} | {field.description} |"


def _leaves(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, path)
        else:
            yield path, field


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: Any = field.default
    if default is None:
        return "none"
    if default == ():
        return "`[]`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
