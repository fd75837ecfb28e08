"""What a storage account says of itself in Azure Resource Manager, and whether GitLab can use it.

Its tier and its replication do not matter to GitLab, so they are not read."""

from collections.abc import Collection
from dataclasses import dataclass

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.findings import Failure, Outlook

REGISTRY = "registry"  # the purpose whose containers the registry uses


@dataclass(frozen=True)
class StorageAccount:
    """The properties of a storage account that decide whether GitLab can use it."""

    name: str
    kind: str
    blob_host: str | None  # of its blob endpoint; None without a blob service
    hierarchical: bool  # it has a hierarchical namespace
    shared_keys: bool  # it also lets in whoever has an access key
    public: bool  # its public endpoint is open, perhaps for some networks only
    firewall: bool  # its public endpoint admits only the networks that its rules name
    private_endpoints: bool  # at least one private endpoint is approved


def unusable(account: StorageAccount, purposes: Collection[str]) -> Failure | None:
    """Why GitLab cannot use the account for these purposes, whatever is granted. None when nothing is in the way."""
    words = f"Storage account {account.name}"
    if account.blob_host is None:
        message = f"{words} has no Blob Storage, since its kind is {account.kind}. Use an account of kind StorageV2."
        return Failure(Reason.ACCOUNT_UNUSABLE, message, Outlook.STALLED)
    if account.hierarchical and REGISTRY in purposes:
        # distribution#4153: the answer to the deletion of an upload folder is 409 DirectoryIsNotEmpty.
        message = (
            f"{words} has a hierarchical namespace. The container registry cannot delete its upload folders there, and pushes "
            "fail with 500. Use an account without one. A namespace cannot be taken off an account."
        )
        return Failure(Reason.ACCOUNT_UNUSABLE, message, Outlook.STALLED)
    if not account.public and not account.private_endpoints:
        message = (
            f"{words} has its public network access disabled, and no private endpoint. Nothing can reach it. Approve a private "
            "endpoint for the cluster's network: docs/troubleshooting.md#networkblocked."
        )
        return Failure(Reason.NETWORK_BLOCKED, message, Outlook.STALLED)
    return None


def network_rules(account: StorageAccount | None) -> str:
    """What the account's own settings say about networks, as sentences. Empty when they admit everybody, or are not known."""
    if account is None:
        return ""
    if not account.public:
        return "Its public network access is disabled: only a private endpoint reaches it."
    if account.firewall:
        return "Its firewall admits only the networks that its rules name."
    return ""
