"""The Helm values that make GitLab's chart use the secrets, the containers and the service accounts.

The paths are those of chart 9.9 and 10. The values do not contain the client ID, which is on the service account. So they can be
committed to Git before the identity exists. They leave out what a resource leaves to others (a Disabled container or secret,
a service account that Helm creates), so its owner can set it: `own_values.py` says what that is.

The chart writes the strings that are quoted here without quotes, in GitLab's settings and in the toolbox's environment (chart
9.9: `bucket: {{ .config.bucket }}`). So a container named `123456` becomes a number there, which an environment variable must
not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitlab_azure_identity.api.containers import GITALY_BACKUPS, GITALY_BUNDLES, OFF_BY_DEFAULT, RUNNER_CACHE
from gitlab_azure_identity.domain.gitlab.runner import LABEL, manager_values
from gitlab_azure_identity.domain.gitlab.use import APP_CONFIG, SWITCHED, SecretKey, Use
from gitlab_azure_identity.domain.gitlab.versions import (
    backups_get_a_secret,
    bundles_minio,
    pages_need_a_connection,
)
from gitlab_azure_identity.domain.gitlab.yaml import Node, Word, block

COMPONENTS: Final = ("registry", "webservice", "sidekiq", "toolbox", "gitaly", "runner")
"""The components that send requests to Azure. They need the label and the annotated service account. Gitaly and the runner do so
only for the purposes that a resource names."""

# Both shapes of Gitaly read these, with and without Praefect (chart 9.9, gitaly/templates/_configmap_spec.yaml).
_GITALY: Final = {GITALY_BACKUPS: "backup", GITALY_BUNDLES: "bundleUri"}


def gitlab_values(use: Use) -> str:
    """The values as YAML."""
    return block(values_of(use))


def gitlab_operator_values(use: Use) -> str:
    """The same values where a GitLab resource of the GitLab Operator has them."""
    return block({"spec": {"chart": {"values": values_of(use)}}})


def runner_values(use: Use) -> str | None:
    """The values of GitLab Runner's own chart as YAML. None when the resource serves no runner."""
    return block(values) if (values := _runner(use)) else None


def values_of(use: Use) -> dict[str, Node]:
    """The values.

    The first service account is the account of all of GitLab's pods. A further one is the account of a component when its name
    is that of the component, or ends with a dash and that name (`gitlab-registry`). Any other is not for the chart. So a new
    account never moves a pod that it was not meant for. A resource that lists its purposes is one beside others: only the pods
    of the components that it serves get its accounts.
    """
    accounts = _accounts_of_components(use)
    gitlab: dict[str, dict[str, Node]] = {}
    if "webservice" in use.components:
        gitlab["webservice"] = _pods(accounts.get("webservice"))
        gitlab["sidekiq"] = _pods(accounts.get("sidekiq"))
    gitlab["toolbox"] = (_pods(accounts.get("toolbox")) if "toolbox" in use.components else {}) | _backups(use)
    gitlab["gitaly"] = _gitaly(use, accounts.get("gitaly"))
    everywhere: dict[str, dict[str, Node]] = {
        "minio": {"enabled": False} if use.object_storage_secret is not None and bundles_minio(use) else {},
        "serviceAccount": _account_of_all_pods(use),
        "registry": _registry_everywhere(use),
        "appConfig": _app_config(use),
        "pages": _pages(use),
    }
    registry = _registry(use, accounts.get("registry"))
    sections = {"global": _filled(everywhere), "registry": registry, "gitlab": _filled(gitlab)}
    return _filled({**sections, "gitlab-runner": _runner(use)})


def _accounts_of_components(use: Use) -> dict[str, str]:
    """The components whose account is not that of all pods."""
    found: dict[str, str] = {}
    for component in COMPONENTS if use.service_accounts else ():
        named = [name for name in use.service_accounts if name == component or name.endswith(f"-{component}")]
        account, first = next(iter(named), use.service_accounts[0]), use.service_accounts[0]
        if account != first or use.purposes is not None:
            found[component] = account
    return found


def _account_of_all_pods(use: Use) -> dict[str, Node]:
    if not use.service_accounts or use.for_runners_alone:
        return {}
    if use.purposes is not None:
        return {"create": False}  # while it is true, the chart creates the accounts of components too
    return _service_account(use.service_accounts[0])


def _pods(service_account: str | None) -> dict[str, Node]:
    # Each component gets the label, and not all pods by global.pod.labels: while the webhook is down, no labelled pod starts.
    pods: dict[str, Node] = {"podLabels": LABEL}
    if service_account is not None:
        pods["serviceAccount"] = _service_account(service_account)
    return pods


def _service_account(name: str) -> dict[str, Node]:
    # The chart's default is create: true. With that and a name it refuses to render.
    return {"enabled": True, "create": False, "name": name}


def _registry(use: Use, service_account: str | None) -> dict[str, Node]:
    if "registry" in use.switched_off:
        return {"enabled": False}
    registry = _pods(service_account) if "registry" in use.components else {}
    if use.registry_secret is not None:
        registry["storage"] = _secret(use.registry_secret)
    return registry


def _registry_everywhere(use: Use) -> dict[str, Node]:
    if "registry" in use.switched_off:
        return {"enabled": False}  # GitLab's own links to the registry
    return {"bucket": use.containers["registry"]} if "registry" in use.containers else {}


def _backups(use: Use) -> dict[str, Node]:
    secret = use.object_storage_secret if backups_get_a_secret(use) else use.backup_secret
    store: dict[str, Node] = (
        {"objectStorage": {"backend": Word("azure"), "config": _secret(secret)}} if secret is not None else {}
    )
    cron: dict[str, Node] = {"cron": {"enabled": False}} if "backups" in use.switched_off else {}
    return {"backups": cron | store} if cron or store else {}


def _gitaly(use: Use, service_account: str | None) -> dict[str, Node]:
    stores = {
        key: {"goCloudUrl": _go_cloud_url(use, use.containers[purpose])}
        for purpose, key in _GITALY.items()
        if purpose in use.containers
    }
    return {**_pods(service_account), **stores} if stores else {}


def _go_cloud_url(use: Use, container: str) -> str:
    """The container as Gitaly opens it. `storage_account` stands for the environment variable AZURE_STORAGE_ACCOUNT since
    gocloud.dev 0.27 (blob/azureblob/azureblob.go). Gitaly 16.7 has 0.34, Gitaly 18.9 has 0.45."""
    return f"azblob://{container}?storage_account={use.account}&domain={use.domain}"


def _runner(use: Use) -> dict[str, Node]:
    if RUNNER_CACHE not in use.containers:
        return {}
    own = _accounts_of_components(use).get("runner", next(iter(use.service_accounts), None))
    return manager_values(use.containers[RUNNER_CACHE], use.account, use.domain, own)


def _pages(use: Use) -> dict[str, Node]:
    if "pages" in use.switched_off:
        return {"enabled": False, "objectStore": {"enabled": False}}
    if "pages" not in use.containers:
        return {}
    store = _enabled(use.containers["pages"])
    if use.object_storage_secret is not None and pages_need_a_connection(use):
        store["connection"] = _secret(use.object_storage_secret)
    return {"objectStore": store}  # only the store: global.pages.enabled would add an ingress and a deployment


def _app_config(use: Use) -> dict[str, Node]:
    config: dict[str, Node] = {}
    if use.object_storage_secret is not None:
        connection = _secret(use.object_storage_secret)
        config["object_store"] = {"enabled": True, "proxy_download": True, "connection": connection}
    for purpose in APP_CONFIG:
        if purpose in use.containers:
            bucket = use.containers[purpose]  # not enough for a purpose that the chart switches off
            config[purpose] = _enabled(bucket) if purpose in OFF_BY_DEFAULT else {"bucket": bucket}
        elif purpose in use.switched_off and purpose in SWITCHED:
            config[purpose] = {"enabled": False}
    backups = {"backups": "bucket", "tmp": "tmpBucket"}
    if not use.containers.keys().isdisjoint(backups):
        config["backups"] = {
            key: use.containers[purpose] for purpose, key in backups.items() if purpose in use.containers
        }
    return config


def _enabled(container: str) -> dict[str, Node]:
    return {"enabled": True, "bucket": container}


def _secret(secret: SecretKey) -> dict[str, Node]:
    name, key = secret
    return {"secret": name, "key": key}


def _filled(mapping: Mapping[str, Mapping[str, Node]]) -> dict[str, Node]:
    """The mapping without its empty values."""
    return {key: value for key, value in mapping.items() if value}
