"""The CustomResourceDefinition, generated from the typed model: `python -m gitlab_azure_identity.api.crd > FILE`."""

import sys
from typing import Any

import yaml
from pydantic import BaseModel

from gitlab_azure_identity.api import GROUP, KIND, PLURAL, VERSION
from gitlab_azure_identity.api.containers import CHART_NAMES
from gitlab_azure_identity.api.spec import ROOT_RULES, Spec
from gitlab_azure_identity.api.status import NEVER_OBSERVED, Status

Json = dict[str, Any]

COLUMNS = (
    ("Ready", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Reason", '.status.conditions[?(@.type=="Ready")].reason', 0),
    ("Client ID", ".status.identity.clientId", 0),
    ("Storage", ".spec.storage.accountName", 0),
    ("Identity", ".status.identity.name", 1),
    ("Message", '.status.conditions[?(@.type=="Ready")].message', 1),
)


def structural(model: type[BaseModel]) -> Json:
    """The model's JSON schema in the form that Kubernetes calls structural: no references, no null, no titles."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Json, definitions: Json) -> Json:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    if "anyOf" in schema:  # an optional field: it is left out instead of being null
        (only,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        schema = {**only, **{key: value for key, value in schema.items() if key not in ("anyOf", "default")}}
        return _structural(schema, definitions)
    result = {key: value for key, value in schema.items() if key not in ("$defs", "title", "default", "const")}
    if "properties" in schema:
        result["properties"] = {name: _structural(field, definitions) for name, field in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        result["items"] = _structural(schema["items"], definitions)
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
    result.pop("propertyNames", None)  # structural schemas do not know it; the operator's model still checks it
    if "default" in schema:
        result["default"] = _default(schema["default"], result)
    return result


def _default(value: Any, schema: Json) -> Any:
    """An object's default is empty: the API server then fills in the defaults of its fields, level by level."""
    return {} if schema.get("type") == "object" else value


def definition() -> Json:
    """The whole CustomResourceDefinition."""
    spec, status = structural(Spec), structural(Status)
    spec["description"], status["description"] = "What is wanted.", "What the operator found and did."
    spec["properties"]["serviceAccounts"]["default"] = [{"name": "gitlab"}]
    containers = spec["properties"]["storage"]["properties"]["containers"]["properties"]
    for purpose, name in CHART_NAMES.items():
        containers[purpose]["properties"]["name"]["default"] = name
        del containers[purpose]["required"]  # the default gives each of these containers a name
    # No default within a list: kubectl apply and Argo CD compare a list as a whole, and would see what the API server filled in
    # as a difference to what is committed. The model has the default.
    del spec["properties"]["serviceAccounts"]["items"]["properties"]["management"]["default"]
    spec["properties"]["azure"]["properties"]["tags"].pop("default", None)
    for field in status["properties"].values():
        field.pop("default", None)
    # kstatus compares the generations: a resource that no operator has seen yet is in progress. Flux's own kinds do the same
    # (source-controller, api/v1/gitrepository_types.go, `+kubebuilder:default:={"observedGeneration":-1}`).
    status["default"] = {"observedGeneration": NEVER_OBSERVED}
    printer = [
        {"name": name, "type": "string", "jsonPath": path} | ({"priority": priority} if priority else {})
        for name, path, priority in COLUMNS
    ]
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["gai"],
                # Not `gitlab`: kubectl takes a category before a kind, and that one is the kind of the GitLab Operator.
                "categories": ["gitlabazure"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*printer[:4], age, *printer[4:]],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": "Gives one GitLab access to Azure Blob Storage through workload identity.",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string", "description": "gitlabazure.io/v1alpha1"},
                                "kind": {"type": "string", "description": "GitLabAzureIdentity"},
                                "metadata": {"type": "object"},
                                "spec": spec,
                                "status": status,
                            },
                            "x-kubernetes-validations": list(ROOT_RULES),
                        }
                    },
                }
            ],
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes repeated parts in full instead of as anchors, since people read and diff the file."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def render() -> str:
    """The CRD as YAML. The same model gives the same bytes."""
    header = "# Generated from the model in operator/gitlab_azure_identity/api: run `make crd` after changing it.\n"
    return header + yaml.dump(definition(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    sys.stdout.write(render())
