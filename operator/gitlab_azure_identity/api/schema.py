"""What every model of the resource shares: camelCase on the wire, frozen in memory, validated field types."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of the resource. Unknown fields are dropped, as the API server drops them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def rule(
    expression: str, message: str, field_path: str | None = None, message_expression: str | None = None
) -> dict[str, str]:
    """One CEL validation rule, as the API server reads it. `message_expression` is CEL too. Its value replaces `message`."""
    spelled = {"rule": expression, "message": message}
    if field_path:
        spelled["fieldPath"] = field_path
    if message_expression:
        spelled["messageExpression"] = message_expression
    return spelled


def in_words(message: str) -> Callable[[dict[str, Any]], None]:
    """Has the API server check a field's pattern by a rule with this message. Its own message would be the expression,
    which tells a person too little."""

    def reworded(schema: dict[str, Any]) -> None:
        schema.update(rules(rule(f"self.matches(r'{schema.pop('pattern')}')", message)))

    return reworded


def rules(*validations: dict[str, str]) -> dict[str, Any]:
    """CEL rules for the `json_schema_extra` of a model."""
    return {"x-kubernetes-validations": list(validations)}


Guid = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        min_length=36,
        max_length=36,
    ),
]
# Azure resource naming rules (Microsoft Learn, "Naming rules and restrictions for Azure resources").
ResourceGroupName = Annotated[str, Field(pattern=r"^[-\w\._\(\)]*[-\w_\(\)]$", min_length=1, max_length=90)]
IdentityName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", min_length=3, max_length=128)]
Location = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+$",
        min_length=1,
        max_length=64,
        json_schema_extra=in_words(
            "name the region in lower case and without spaces, such as westeurope: az account list-locations -o table"
        ),
    ),
]
StorageAccountName = Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$", min_length=3, max_length=24)]
ContainerName = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9])+$", min_length=3, max_length=63)]
# RFC 1123 subdomain, the rule of Kubernetes for names of most objects.
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ObjectName = Annotated[str, Field(pattern=SUBDOMAIN, min_length=1, max_length=253)]
# The keys that Kubernetes allows in a secret (k8s.io/apimachinery v0.37, IsConfigMapKey): neither `.` nor anything that begins
# with `..`.
SecretKey = Annotated[str, Field(pattern=r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$", min_length=1, max_length=253)]
# Go's time.ParseDuration with a unit: the registry refuses a bare number ("missing unit in duration").
GoDuration = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        min_length=1,
        max_length=32,
        json_schema_extra=in_words("a duration is a number and its unit (ms, s, m or h), such as 30s or 1m30s"),
    ),
]
