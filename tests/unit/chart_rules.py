"""What GitLab's chart refuses to render of values for object storage, in our words.

The rules are those of chart 9.9.1, of 10.0.x and of 10.3, as far as they can meet the values of the operator: templates
`_checkConfig_object_storage.tpl`, `_checkConfig_toolbox.tpl` and `_checkConfig.tpl` (globalServiceAccount). The defaults are
those of their values.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitlab_azure_identity.api.containers import CHART_NAMES, ON_BY_DEFAULT
from gitlab_azure_identity.domain.gitlab.own_values import OwnValue
from gitlab_azure_identity.domain.gitlab.releases import Version
from gitlab_azure_identity.domain.gitlab.use import APP_CONFIG

Values = dict[str, Any]

# The rule of the consolidated form leaves out ciSecureFiles, and so did that of the other form before chart 10.
CHECKED = [purpose for purpose in APP_CONFIG if purpose != "ciSecureFiles"]


def defaults(version: Version) -> Values:
    """The chart's own values, as far as a rule reads them."""
    on = {purpose: purpose in ON_BY_DEFAULT for purpose in APP_CONFIG}
    types = {
        purpose: {"enabled": on[purpose], "bucket": CHART_NAMES[purpose], "connection": {}} for purpose in APP_CONFIG
    }
    pages = {"enabled": False, "objectStore": {"enabled": True, "bucket": CHART_NAMES["pages"], "connection": {}}}
    everywhere: Values = {
        "appConfig": {"object_store": {"enabled": False, "connection": {}}, **types},
        "pages": pages,
        "serviceAccount": {"enabled": False, "create": True},
        "minio": {"enabled": version < (10, 0, 0)},
    }
    backups = {"objectStorage": {"backend": "s3", "config": {}}}
    return {
        "global": everywhere,
        "registry": {"enabled": True, "storage": {}},
        "gitlab": {"toolbox": {"enabled": True, "backups": backups}},
    }


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """What Helm makes of two files of values: maps are merged, and anything else is replaced."""
    both = {
        key: merged(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def followed(own: OwnValue) -> Values:
    """What a person writes who reads that value: the words for a name are replaced by a name."""
    words: dict[str, Any] = {"true": True, "false": False}
    value = words.get(own.value, "mine" if own.value.startswith("<") else own.value)
    for key in reversed(own.path.split(".")):
        value = {key: value}
    return dict(value)


def _registry_has_storage(values: Values, version: Version) -> Iterator[str]:
    registry = values["registry"]
    if version >= (10, 0, 0) and registry["enabled"] and not registry["storage"].get("secret"):
        yield "the registry has no storage"


def _pages_have_a_connection(values: Values, version: Version) -> Iterator[str]:
    pages, consolidated = values["global"]["pages"], values["global"]["appConfig"]["object_store"]["enabled"]
    if version < (10, 0, 0) or not (pages["enabled"] and pages["objectStore"]["enabled"]):
        return
    connection = pages["objectStore"]["connection"]
    if not connection and (version < (10, 0, 3) or not consolidated):
        yield "Pages have no connection"
    if connection and consolidated and version >= (10, 0, 3):
        yield "Pages have a connection beside the consolidated one"  # charts !5124; later ones admit it again, !5134


def _toolbox_has_a_secret(values: Values, version: Version) -> Iterator[str]:
    everywhere, store = values["global"], values["gitlab"]["toolbox"]["backups"]["objectStorage"]
    bundled = everywhere["minio"]["enabled"] and version < (10, 0, 0)
    somewhere = bundled or everywhere["appConfig"]["object_store"]["enabled"]
    asked = bool(store["config"]) or not somewhere or (10, 0, 0) <= version < (10, 3, 0)
    if asked and store["backend"] != "gcs" and not store["config"].get("secret"):
        yield "the toolbox has no secret for backups"


def _consolidated(values: Values, version: Version) -> Iterator[str]:
    config = values["global"]["appConfig"]
    if config["object_store"]["enabled"]:
        for purpose in CHECKED:
            one = config[purpose]
            if one["enabled"] and (one["connection"] or not one["bucket"]):
                yield f"{purpose} has a connection of its own, or no bucket"


def _connections_of_types(values: Values, version: Version) -> Iterator[str]:
    everywhere = values["global"]
    if everywhere["appConfig"]["object_store"]["enabled"] or (everywhere["minio"]["enabled"] and version < (10, 0, 0)):
        return
    for purpose in CHECKED if version < (10, 0, 0) else APP_CONFIG:
        one = everywhere["appConfig"][purpose]
        if one["enabled"] and not one["connection"]:
            yield f"{purpose} has no connection"


def _service_account(values: Values, version: Version) -> Iterator[str]:
    account = values["global"]["serviceAccount"]
    if account["enabled"] and account["create"] and account.get("name"):
        yield "one service account is to be created for all"


RULES: tuple[Callable[[Values, Version], Iterator[str]], ...] = (
    _registry_has_storage,
    _pages_have_a_connection,
    _toolbox_has_a_secret,
    _consolidated,
    _connections_of_types,
    _service_account,
)


def refusals(given: Mapping[str, Any], version: Version) -> list[str]:
    """Why the chart of that version refuses these values."""
    values = merged(defaults(version), given)
    return [refusal for rule in RULES for refusal in rule(values, version)]


def uses_by_default(given: Mapping[str, Any], version: Version) -> dict[str, str]:
    """The containers that GitLab uses with these values, by purpose, where their names are the chart's."""
    values = merged(defaults(version), given)
    everywhere = values["global"]
    types = {purpose: everywhere["appConfig"][purpose] for purpose in APP_CONFIG}
    types |= {"pages": everywhere["pages"]["objectStore"]}
    used = {purpose: one["bucket"] for purpose, one in types.items() if one["enabled"]}
    if values["registry"]["enabled"]:
        used["registry"] = everywhere.get("registry", {}).get("bucket", CHART_NAMES["registry"])
    return {purpose: name for purpose, name in used.items() if name == CHART_NAMES[purpose]}
