"""The three object storage secrets, in the dialect of each reader. None contains a key: the pod has the identity.

The registry's text is more than YAML. The chart's start script indents it with sed, puts it behind `storage:`, and looks for a
line `delete:` in it. So the text is in block style from its first line, without `---` and without comments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitlab_azure_identity.domain.gitlab.yaml import Node, Word, block

Parameter = str | int | bool | Sequence[str]

# Our API's name -> the key of the registry's azure_v2 driver (4.39: azure/common/parser.go), in the order written.
DRIVER_KEYS: Final[Mapping[str, str]] = {
    "rootDirectory": "rootdirectory",
    "legacyRootPrefix": "legacyrootprefix",
    "trimLegacyRootPrefix": "trimlegacyrootprefix",
    "maxRetries": "max_retries",
    "retryTryTimeout": "retry_try_timeout",
    "retryDelay": "retry_delay",
    "maxRetryDelay": "max_retry_delay",
    "debugLog": "debug_log",
    "debugLogEvents": "debug_log_events",
}


def registry_secret(account: str, container: str, domain: str, parameters: Mapping[str, Parameter]) -> str:
    """The registry's storage driver, for `registry.storage.secret`.

    The driver renamed `credentialstype` to `credentials_type` in 4.16 (chart 8.10). It ignores the name that it does not know,
    and GitLab's page still shows the former one. Both are written, so every version finds its own.

    Raises ValueError for a parameter the API does not have.
    """
    if unknown := parameters.keys() - DRIVER_KEYS.keys():
        msg = f"not a parameter of the registry's storage: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    driver: dict[str, Node] = {
        "accountname": account,
        "container": container,
        "credentials_type": Word("default_credentials"),
        "credentialstype": Word("default_credentials"),
        **_endpoint(account, domain),
    }
    for name, key in DRIVER_KEYS.items():
        value = parameters.get(name)
        if value is None:
            continue  # a null is a value for the driver: `rootdirectory:` becomes a folder named <nil>
        if not isinstance(value, (str, int)):
            value = ",".join(value)  # the driver splits a string at its commas, and panics at a list
            if not value:
                continue  # without the key the driver logs all events; an empty string is an unknown event to it
        driver[key] = value
    return block({"azure_v2": driver})


def _endpoint(account: str, domain: str) -> dict[str, Node]:
    """The blob endpoint. The driver puts `<account>.blob.` in front of a `realm`. An account with an endpoint in a DNS zone
    (`z01.blob.storage.azure.net`) needs the whole address: `serviceurl`, which comes before a realm (4.39:
    azure/v2/parser.go)."""
    if _of_the_cloud(domain):
        return {"realm": Word(domain.removeprefix("blob."))}
    return {"serviceurl": f"https://{account}.{domain}"}


def _of_the_cloud(domain: str) -> bool:
    """Whether the domain is that of the whole cloud, and not that of a DNS zone. The number of a zone is no bare word in YAML."""
    return domain.startswith("blob.")


def object_storage_secret(account: str, domain: str) -> str:
    """The connection of Rails and Workhorse, for `global.appConfig.object_store.connection`."""
    return block({"provider": Word("AzureRM"), **_account(account, domain)})


def backup_secret(account: str, domain: str) -> str:
    """The account of backup-utility, for `gitlab.toolbox.backups.objectStorage.config`."""
    return block(_account(account, domain))


def _account(account: str, domain: str) -> dict[str, Node]:
    return {
        "azure_storage_account_name": account,
        "azure_storage_domain": Word(domain) if _of_the_cloud(domain) else domain,
    }
