"""The custom resource definition: generated, structural, with a description of every field, and with a message for every rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gitlab_azure_identity.api.containers import CHART_NAMES, PURPOSES
from gitlab_azure_identity.api.crd import definition, render
from gitlab_azure_identity.api.spec import Spec
from gitlab_azure_identity.api.status import Status

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "gitlabazure.io_gitlabazureidentities.yaml"
Json = dict[str, Any]

WHOLE: Json = definition()
TEXT = render()
VERSION: Json = WHOLE["spec"]["versions"][0]
SCHEMA: Json = VERSION["schema"]["openAPIV3Schema"]


def at(path: str) -> Json:
    """The schema of a field, such as spec.storage.accountName."""
    schema = SCHEMA
    for name in path.split("."):
        schema = schema["items"] if name == "[]" else schema["properties"][name]
    return schema


def fields(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every field below a schema, with its path."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield here, field
        yield from fields(field, here)
        if isinstance(field.get("items"), dict):
            yield from fields(field["items"], f"{here}.[]")


def schemas(schema: Any) -> Iterator[Json]:
    """Every object anywhere in the document."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from schemas(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from schemas(value)


def rules(path: str = "") -> list[Json]:
    """The CEL rules of a field."""
    found: list[Json] = (at(path) if path else SCHEMA).get("x-kubernetes-validations", [])
    return found


@pytest.mark.parametrize("path", [CRD, ROOT / "charts/gitlab-azure-identity/files/crd.yaml"], ids=["crds", "chart"])
def test_the_file_is_what_the_model_generates(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == TEXT, "differs: run `make crd`"


def test_it_reads_back_as_it_was_generated() -> None:
    assert yaml.load(TEXT, yaml.CSafeLoader) == WHOLE


def test_it_is_structural() -> None:
    """Kubernetes admits no references, no unions and no null, and needs a type for every field."""
    for schema in schemas(SCHEMA):
        assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const"} & schema.keys()
        assert not {"propertyNames", "patternProperties"} & schema.keys()
        assert schema.get("type") != "null"
    for path, field in fields(SCHEMA):
        assert field["type"] in ("object", "array", "string", "integer", "boolean"), path
    assert "x-kubernetes-preserve-unknown-fields" not in TEXT


def test_every_field_is_described() -> None:
    ours = {path: field for path, field in fields(SCHEMA) if path not in ("apiVersion", "kind", "metadata")}

    assert [path for path, field in ours.items() if not field.get("description", "").endswith(".")] == []


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("spec.azure", {}),
        ("spec.identity", {}),
        ("spec.storage.roleScope", "Account"),
        ("spec.storage.containers", {}),
        ("spec.storage.containers.registry", {}),
        ("spec.storage.containers.tmp", {}),
        ("spec.storage.containers.registry.management", "Observe"),
        ("spec.serviceAccounts", [{"name": "gitlab"}]),
        ("spec.secrets", {}),
        ("spec.secrets.registry", {}),
        ("spec.secrets.registry.parameters", {}),
        ("spec.secrets.registry.key", "config"),
        ("spec.secrets.objectStorage.key", "connection"),
        ("spec.secrets.backups.key", "config"),
        ("spec.secrets.backups.management", "Manage"),
        ("spec.verification", "Required"),
        ("spec.deletionPolicy", "Delete"),
        ("spec.suspend", False),
        *((f"spec.storage.containers.{purpose}.name", name) for purpose, name in CHART_NAMES.items()),
    ],
)
def test_the_api_server_fills_in_defaults_level_by_level(path: str, default: object) -> None:
    assert at(path)["default"] == default


def test_the_api_server_fills_in_nothing_within_a_list() -> None:
    """`kubectl apply` and Argo CD would take it for a difference to what is committed: they compare a list as a whole."""
    assert [path for path, field in fields(SCHEMA) if "[]" in path and "default" in field] == []


@pytest.mark.parametrize(
    "path",
    [
        "spec",
        "spec.azure.tags",
        "spec.azure.subscriptionId",
        "spec.identity.name",
        "spec.storage",
        "spec.storage.accountName",
        "spec.storage.containers.pages",
        "spec.secrets.registry.name",
        "spec.secrets.registry.parameters.maxRetries",
        "status.conditions",
        "status.retiredSecrets",
    ],
)
def test_what_has_no_default_stays_absent(path: str) -> None:
    assert "default" not in at(path)


def test_only_the_storage_accounts_name_is_required_of_a_person() -> None:
    assert SCHEMA["required"] == ["spec"]
    assert at("spec")["required"] == ["storage"]
    assert at("spec.storage")["required"] == ["accountName"]
    assert at("spec.serviceAccounts.[]")["required"] == ["name"]
    assert "required" not in at("spec.storage.containers.registry")
    assert {purpose for purpose in PURPOSES if "required" in at(f"spec.storage.containers.{purpose}")} == {
        "gitalyBackups",
        "gitalyBundles",
        "runnerCache",
    }, "the chart has no name for these"


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("spec.storage.accountName", {"pattern": "^[a-z0-9]{3,24}$", "minLength": 3, "maxLength": 24}),
        ("spec.azure.subscriptionId", {"minLength": 36, "maxLength": 36}),
        ("spec.azure.resourceGroup", {"minLength": 1, "maxLength": 90}),
        ("spec.azure.tags", {"maxProperties": 40}),
        ("spec.identity.name", {"minLength": 3, "maxLength": 128}),
        ("spec.storage.containers.lfs.name", {"minLength": 3, "maxLength": 63}),
        ("spec.serviceAccounts", {"minItems": 1, "maxItems": 20}),
        ("spec.serviceAccounts.[].name", {"minLength": 1, "maxLength": 253}),
        ("spec.secrets.registry.parameters.maxRetries", {"minimum": 0, "maximum": 1000}),
        ("spec.storage.roleScope", {"enum": ["Account", "Container"]}),
        ("spec.storage.containers.lfs.management", {"enum": ["Observe", "Manage", "Disabled"]}),
        ("spec.serviceAccounts.[].management", {"enum": ["Manage", "Annotate"]}),
        ("spec.secrets.registry.management", {"enum": ["Manage", "Disabled"]}),
        ("spec.verification", {"enum": ["Required", "Report", "Disabled"]}),
        ("spec.deletionPolicy", {"enum": ["Delete", "Retain"]}),
        ("status.conditions.[].status", {"enum": ["True", "False", "Unknown"]}),
        ("status.conditions.[].lastTransitionTime", {"format": "date-time"}),
    ],
)
def test_limits(path: str, limits: Json) -> None:
    assert limits.items() <= at(path).items()


@pytest.mark.parametrize(
    ("path", "kind", "keys"),
    [
        ("spec.serviceAccounts", "map", ["name"]),
        ("status.conditions", "map", ["type"]),
        ("spec.secrets.registry.parameters.debugLogEvents", "set", None),
    ],
)
def test_lists_that_server_side_apply_merges(path: str, kind: str, keys: list[str] | None) -> None:
    assert at(path)["x-kubernetes-list-type"] == kind
    assert at(path).get("x-kubernetes-list-map-keys") == keys


@pytest.mark.parametrize("path", ["azure.subscriptionId", "azure.resourceGroup", "azure.location", "identity.name"])
def test_what_would_move_the_identity_is_immutable(path: str) -> None:
    """The rule is a transition rule on spec, which always exists: a rule on the field itself would not see it being added or
    removed."""
    (found,) = [rule for rule in rules("spec") if f"oldSelf.{path}" in rule["rule"]]

    assert found["rule"] == (
        f"has(self.{path}) == has(oldSelf.{path}) && (!has(self.{path}) || self.{path} == oldSelf.{path})"
    )
    assert found["message"].startswith(f"spec.{path} cannot be set, changed or removed after creation")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("", "size(self.metadata.name) <= 63"),
        ("", "self.spec.secrets.registry.management == 'Disabled'"),
        ("spec.azure", "startsWith('gitlabazure')"),
        ("spec.azure", "self.tags.all(key, key.matches("),
        ("spec.azure", "keys.indexOf(key) == keys.lastIndexOf(key)"),
        ("spec.storage", "names.indexOf(name) == names.lastIndexOf(name)"),
        ("spec.storage", "(purpose != 'runnerCache' || has(self.containers.runnerCache))"),
        ("spec.secrets.registry.parameters", "self.legacyRootPrefix != self.trimLegacyRootPrefix"),
    ],
)
def test_rules_across_fields(path: str, part: str) -> None:
    assert any(part in rule["rule"] for rule in rules(path))


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("team", True),
        ("cost center: 42 (é)", True),
        ("app.kubernetes.io-name", True),
        ("k" * 512, True),
        ("k" * 513, False),
        ("", False),
        ("app.kubernetes.io/name", False),
        ("two\nlines", False),
        ("team\n", False),
        *((f"a{character}b", False) for character in r"<>%&\?/"),
    ],
)
def test_keys_of_tags_are_those_that_azure_takes(key: str, taken: bool) -> None:
    """Microsoft Learn, "Use tags to organize your Azure resources". The API server checks keys only by CEL. The model must agree
    with it, or the operator would report an outdated definition for a mistake of a person."""
    (expression,) = re.findall(r"key\.matches\(r'(.+)'\)", " ".join(rule["rule"] for rule in rules("spec.azure")))
    spec = {"storage": {"accountName": "gitlabstore"}, "azure": {"tags": {key: "x"}}}

    assert bool(re.fullmatch(expression, key)) is taken
    with nullcontext() if taken else pytest.raises(ValidationError):
        Spec.model_validate(spec)


def test_every_rule_has_a_message_to_act_on() -> None:
    """What is wrong, and what to do instead. It is a single short line, since the API server puts it behind a path."""
    found = [rule for schema in schemas(SCHEMA) for rule in schema.get("x-kubernetes-validations", ())]

    assert len(found) >= 10
    for rule in found:
        assert len(rule["message"]) > 30
        assert "\n" not in rule["message"]
        assert not rule["message"].endswith(".")


def test_columns() -> None:
    columns = VERSION["additionalPrinterColumns"]

    assert [c["name"] for c in columns if "priority" not in c] == ["Ready", "Reason", "Client ID", "Storage", "Age"]
    assert [c["name"] for c in columns if c.get("priority") == 1] == ["Identity", "Message"]


def test_names() -> None:
    names = WHOLE["spec"]["names"]

    assert WHOLE["metadata"]["name"] == "gitlabazureidentities.gitlabazure.io"
    assert (names["kind"], names["shortNames"]) == ("GitLabAzureIdentity", ["gai"])
    assert WHOLE["spec"]["scope"] == "Namespaced"
    assert VERSION["subresources"] == {"status": {}}


def test_before_any_operator_has_seen_it_a_resource_is_in_progress() -> None:
    """kstatus takes an object whose observedGeneration is not its generation for one that is in progress."""
    assert at("status")["default"] == {"observedGeneration": -1}
    assert Status.model_validate(at("status")["default"]).recorded is False


def test_every_field_of_the_status_is_declared() -> None:
    """The API server silently drops a field that is not declared."""
    assert set(at("status")["properties"]) == {str(field.alias) for field in Status.model_fields.values()}
