"""The Helm values that make GitLab's chart use the secrets, the containers and the service accounts.

The paths are those of chart 9.9. The values do not contain the client ID, which is on the service account. So they can be
committed to Git before the identity exists. They leave out what a resource leaves to others (a Disabled container or secret,
a service account that Helm creates), so its owner can set it.

The chart writes the strings that are quoted here without quotes, in GitLab's settings and in the toolbox's environment (chart
9.9: `bucket: {{ .config.bucket }}`). So a container named `123456` becomes a number there, which an environment variable must
not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitlab_azure_identity.api.containers import CHART_NAMES, OFF_BY_DEFAULT
from gitlab_azure_identity.domain.gitlab.yaml import Node, Word, block

SecretKey = tuple[str, str]
"""Name and key of a secret."""

_APP_CONFIG: Final = [purpose for purpose in CHART_NAMES if purpose not in ("registry", "backups", "tmp", "pages")]
"""The purposes that have a section of their own under global.appConfig."""

COMPONENTS: Final = ("registry", "webservice", "sidekiq", "toolbox")
"""The components that send requests to Azure. They need the label and the annotated service account."""


def gitlab_values(
    *,
    service_accounts: Sequence[str],
    containers: Mapping[str, str],
    registry_secret: SecretKey | None,
    object_storage_secret: SecretKey | None,
    backup_secret: SecretKey | None,
) -> str:
    """The values as YAML.

    `service_accounts` are those that the operator creates. The first is the account of all of GitLab's pods. A further one is
    the account of a component when its name is that of the component, or ends with a dash and that name (`gitlab-registry`).
    Any other is not for the chart. So a new account never moves a pod that it was not meant for. `containers` has the
    container name of each purpose.

    Raises ValueError for an unknown purpose.
    """
    if unknown := containers.keys() - CHART_NAMES.keys():
        msg = f"not a purpose of a container: {', '.join(sorted(unknown))}"
        raise ValueError(msg)

    accounts = _accounts_of_components(service_accounts)
    in_registry = registry_secret is not None or "registry" in containers
    in_rails = object_storage_secret is not None or not containers.keys().isdisjoint((*_APP_CONFIG, "pages"))
    in_backups = backup_secret is not None or not containers.keys().isdisjoint(("backups", "tmp"))

    registry = _pods(accounts.get("registry")) if in_registry else {}
    if registry_secret is not None:
        registry["storage"] = _secret(registry_secret)

    gitlab: dict[str, Node] = {}
    if in_rails:
        gitlab["webservice"] = _pods(accounts.get("webservice"))
        gitlab["sidekiq"] = _pods(accounts.get("sidekiq"))
    if in_rails or in_backups:
        toolbox = _pods(accounts.get("toolbox"))
        if backup_secret is not None:
            toolbox["backups"] = {"objectStorage": {"backend": Word("azure"), "config": _secret(backup_secret)}}
        gitlab["toolbox"] = toolbox

    everywhere: dict[str, dict[str, Node]] = {
        "minio": {"enabled": False} if object_storage_secret is not None else {},
        "serviceAccount": _service_account(service_accounts[0]) if service_accounts else {},
        "registry": {"bucket": containers["registry"]} if "registry" in containers else {},
        "appConfig": _app_config(containers, object_storage_secret),
        # Only the store: global.pages.enabled would add an ingress and a deployment.
        "pages": {"objectStore": _enabled(containers["pages"])} if "pages" in containers else {},
    }
    return block(_filled({"global": _filled(everywhere), "registry": registry, "gitlab": gitlab}))


def _accounts_of_components(service_accounts: Sequence[str]) -> dict[str, str]:
    """The components whose account is not the first one."""
    found: dict[str, str] = {}
    for component in COMPONENTS:
        named = [name for name in service_accounts if name == component or name.endswith(f"-{component}")]
        if named and named[0] != service_accounts[0]:
            found[component] = named[0]
    return found


def _pods(service_account: str | None) -> dict[str, Node]:
    # Each component gets the label, and not all pods by global.pod.labels: while the webhook is down, no labelled pod starts.
    pods: dict[str, Node] = {"podLabels": {"azure.workload.identity/use": "true"}}
    if service_account is not None:
        pods["serviceAccount"] = _service_account(service_account)
    return pods


def _service_account(name: str) -> dict[str, Node]:
    # The chart's default is create: true. With that and a name it refuses to render.
    return {"enabled": True, "create": False, "name": name}


def _app_config(containers: Mapping[str, str], connection: SecretKey | None) -> dict[str, Node]:
    config: dict[str, Node] = {}
    if connection is not None:
        config["object_store"] = {"enabled": True, "proxy_download": True, "connection": _secret(connection)}
    for purpose in _APP_CONFIG:
        if purpose in containers:
            bucket = containers[purpose]  # not enough for a purpose that the chart switches off
            config[purpose] = _enabled(bucket) if purpose in OFF_BY_DEFAULT else {"bucket": bucket}
    backups = {"backups": "bucket", "tmp": "tmpBucket"}
    if not containers.keys().isdisjoint(backups):
        config["backups"] = {key: containers[purpose] for purpose, key in backups.items() if purpose in containers}
    return config


def _enabled(container: str) -> dict[str, Node]:
    return {"enabled": True, "bucket": container}


def _secret(secret: SecretKey) -> dict[str, Node]:
    name, key = secret
    return {"secret": name, "key": key}


def _filled(mapping: Mapping[str, Mapping[str, Node]]) -> dict[str, Node]:
    """The mapping without its empty values."""
    return {key: value for key, value in mapping.items() if value}
