"""A storage account in ARM's JSON, and the changes of its properties.

Key order and shape are as recorded from real Azure. The properties that the recordings lack are as in "Storage Accounts - Get
Properties" of Microsoft Learn; a property that was never set is not there, as in the recordings.
"""

from collections.abc import Mapping
from typing import Any

from lab.azure.accounts import SERVICES, NetworkRules, StorageAccount
from lab.azure.formats import timestamp
from lab.azure.hosts import PUBLIC, Cloud

KIND = "Microsoft.Storage/storageAccounts"


def as_json(account: StorageAccount, cloud: Cloud = PUBLIC) -> dict[str, Any]:
    return {
        "sku": {"name": account.sku, "tier": account.sku.partition("_")[0]},
        "kind": account.kind,
        "id": account.id,
        "name": account.name,
        "type": KIND,
        "location": account.location,
        "tags": dict(account.tags),
        "properties": _properties(account, cloud),
    }


def _properties(account: StorageAccount, cloud: Cloud) -> dict[str, Any]:
    created, rules = timestamp(account.created), account.network_rules
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": created}
    return {
        **_set(dnsEndpointType=account.dns_zone and "AzureDnsZone", publicNetworkAccess=account.public_network_access),
        "keyCreationTime": {"key1": created, "key2": created},
        "allowCrossTenantReplication": False,
        "privateEndpointConnections": [],
        "minimumTlsVersion": "TLS1_2",
        "allowBlobPublicAccess": False,
        **_set(allowSharedKeyAccess=account.shared_key_access, isHnsEnabled=account.hierarchical_namespace),
        "networkAcls": {
            "ipv6Rules": [],
            "bypass": rules.bypass,
            "virtualNetworkRules": [],
            "ipRules": [{"value": rule, "action": "Allow"} for rule in rules.ip_rules],
            "defaultAction": rules.default_action,
        },
        "supportsHttpsTrafficOnly": True,
        "encryption": {"services": {"file": service, "blob": service}, "keySource": "Microsoft.Storage"},
        "accessTier": "Hot",
        "provisioningState": "Succeeded",
        "creationTime": created,
        "primaryEndpoints": account.endpoints(cloud),
        "primaryLocation": account.location,
        "statusOfPrimary": "available",
    }


def _set(**properties: object) -> dict[str, object]:
    """The properties that have a value."""
    return {name: value for name, value in properties.items() if value is not None}


def set_kind(account: StorageAccount, kind: str) -> None:
    """
    Raises:
        ValueError: there is no such kind.
    """
    if kind not in SERVICES:
        raise ValueError(f"A storage account's kind is one of {', '.join(SERVICES)}, not {kind!r}.")
    account.kind = kind


def set_properties(account: StorageAccount, sent: Mapping[str, Any]) -> None:
    """Take over the properties that a request sends, in ARM's spelling. Those that the lab gives no meaning are passed over.

    Raises:
        ValueError: a value is none that Azure knows.
    """
    for name, attribute in (("isHnsEnabled", "hierarchical_namespace"), ("allowSharedKeyAccess", "shared_key_access")):
        if name in sent:
            setattr(account, attribute, _one_of(name, sent[name], (None, True, False)))
    if "publicNetworkAccess" in sent:
        account.public_network_access = _one_of(
            "publicNetworkAccess", sent["publicNetworkAccess"], (None, "Enabled", "Disabled", "SecuredByPerimeter")
        )
    if (acls := sent.get("networkAcls")) is not None:
        account.network_rules = NetworkRules(
            default_action=_one_of("defaultAction", acls.get("defaultAction", "Allow"), ("Allow", "Deny")),
            bypass=str(acls.get("bypass", "AzureServices")),
            ip_rules=tuple(str(rule["value"]) for rule in acls.get("ipRules") or ()),
        )


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise ValueError(
            f"{name} is one of {', '.join(str(each) for each in known if each is not None)}, not {value!r}."
        )
    return value
