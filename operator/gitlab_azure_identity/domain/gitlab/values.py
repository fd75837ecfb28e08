"""The Helm values that make GitLab's chart use the secrets, the containers and the service accounts.

The paths are those of chart 9.9. The client ID is not among them: it lives on the service account, so the values can be
written down in Git before the identity exists. What a resource leaves to others (a Disabled container or secret, a
service account that Helm makes) is not mentioned, so that whoever owns it can set it.

What is quoted here the chart prints bare again, in GitLab's settings and the toolbox's environment (chart 9.9: `bucket:
{{ .config.bucket }}`). A container called `123456` so becomes a number there, which no environment variable may be,
whatever the values say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitlab_azure_identity.api.containers import CHART_NAMES, OFF_BY_DEFAULT
from gitlab_azure_identity.domain.gitlab.yaml import Node, Word, block

SecretKey = tuple[str, str]
"""Name and key of a secret."""

_APP_CONFIG: Final = [purpose for purpose in CHART_NAMES if purpose not in ("registry", "backups", "tmp", "pages")]
"""The purposes that each have a section of their own under global.appConfig."""

COMPONENTS: Final = ("registry", "webservice", "sidekiq", "toolbox")
"""The components that talk to Azure, and so need the label and the annotated service account."""


def gitlab_values(
    *,
    service_accounts: Sequence[str],
    containers: Mapping[str, str],
    registry_secret: SecretKey | None,
    object_storage_secret: SecretKey | None,
    backup_secret: SecretKey | None,
) -> str:
    """The values as YAML.

    `service_accounts` are those the operator makes. The first is the account of all of GitLab's pods; a further one
    that is called like a component, or ends with a dash and its name (`gitlab-registry`), is the account of that
    component, and any other is not for the chart. So adding an account never moves a pod that it was not meant for.
    `containers` goes from purpose to container name.

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
    """The components whose account is not the first one, which is everybody's."""
    found: dict[str, str] = {}
    for component in COMPONENTS:
        named = [name for name in service_accounts if name == component or name.endswith(f"-{component}")]
        if named and named[0] != service_accounts[0]:
            found[component] = named[0]
    return found


def _pods(service_account: str | None) -> dict[str, Node]:
    # Label component by component, not by global.pod.labels: the webhook refuses labelled pods while it is down.
    pods: dict[str, Node] = {"podLabels": {"azure.workload.identity/use": "true"}}
    if service_account is not None:
        pods["serviceAccount"] = _service_account(service_account)
    return pods


def _service_account(name: str) -> dict[str, Node]:
    # The chart's default is create: true, and with it and a name it refuses to render.
    return {"enabled": True, "create": False, "name": name}


def _app_config(containers: Mapping[str, str], connection: SecretKey | None) -> dict[str, Node]:
    config: dict[str, Node] = {}
    if connection is not None:
        config["object_store"] = {"enabled": True, "proxy_download": True, "connection": _secret(connection)}
    for purpose in _APP_CONFIG:
        if purpose in containers:
            bucket = containers[purpose]  # which alone does nothing where the chart has the purpose off
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
    """The mapping without what is empty."""
    return {key: value for key, value in mapping.items() if value}
