"""ARM ids as values: each has its parts, and `str()` gives the id.

Azure ignores case in ids, and may answer in another case than the request's (`resourcegroups`; recorded traffic). So ids are
compared by `same_as`, or by their `key`."""

import re
from dataclasses import dataclass, replace

_GROUP = re.compile(r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<name>[^/]+)", re.IGNORECASE)
_IDENTITY = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<resource_group>[^/]+)"
    r"/providers/microsoft\.managedidentity/userassignedidentities/(?P<name>[^/]+)",
    re.IGNORECASE,
)
_STORAGE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<resource_group>[^/]+)"
    r"/providers/microsoft\.storage/storageaccounts/(?P<account>[^/]+)"
    r"(?:/blobservices/default/containers/(?P<container>[^/]+))?",
    re.IGNORECASE,
)


class ArmId:
    """The base of all ids."""

    @property
    def key(self) -> str:
        """The same text for the same object, whatever the case of its id."""
        return folded(str(self))

    def same_as(self, other: "ArmId | str") -> bool:
        """Whether two ids name the same object."""
        return self.key == folded(str(other))


@dataclass(frozen=True)
class ResourceGroupId(ArmId):
    """A resource group."""

    subscription: str
    name: str

    def __str__(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "ResourceGroupId":
        """Raises ValueError when the text is not the ARM id of a resource group."""
        if match := _GROUP.fullmatch(text):
            return cls(**match.groupdict())
        raise ValueError(f"not the ARM id of a resource group: {text!r}")


@dataclass(frozen=True)
class IdentityId(ArmId):
    """A user-assigned managed identity."""

    subscription: str
    resource_group: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"

    @property
    def group(self) -> ResourceGroupId:
        return ResourceGroupId(self.subscription, self.resource_group)

    def within(self, group: ResourceGroupId) -> "IdentityId":
        """The identity of the same name in another resource group."""
        return IdentityId(group.subscription, group.name, self.name)

    @classmethod
    def parse(cls, text: str) -> "IdentityId":
        """Raises ValueError when the text is not the ARM id of a managed identity."""
        if match := _IDENTITY.fullmatch(text):
            return cls(**match.groupdict())
        raise ValueError(f"not the ARM id of a user-assigned managed identity: {text!r}")


@dataclass(frozen=True)
class StorageScope(ArmId):
    """A storage account or one of its blob containers: the scope of a role assignment."""

    subscription: str
    resource_group: str
    account: str
    container: str | None = None

    def __str__(self) -> str:
        account = (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Storage/storageAccounts/{self.account}"
        )
        return f"{account}/blobServices/default/containers/{self.container}" if self.container else account

    @property
    def words(self) -> str:
        """The words for the scope in a sentence."""
        account = f"storage account {self.account}"
        return f"container {self.container} of {account}" if self.container else account

    @property
    def whole_account(self) -> "StorageScope":
        """The scope's storage account."""
        return replace(self, container=None)

    def at(self, container: str) -> "StorageScope":
        """A container of this account."""
        return replace(self, container=container)

    @classmethod
    def parse(cls, text: str) -> "StorageScope":
        """Raises ValueError when the text is not the ARM id of a storage account or of a blob container."""
        if match := _STORAGE.fullmatch(text):
            return cls(**match.groupdict())
        raise ValueError(f"not the ARM id of a storage account or container: {text!r}")


def folded(arm_id: str) -> str:
    """An ARM id in the form that is compared: without its outer slashes, and in lower case."""
    text = arm_id.strip("/")
    return text.lower() if text.isascii() else "".join(map(_small, text))


def _small(letter: str) -> str:
    """A letter in lower case by way of its capital, as Azure compares letters (.NET, OrdinalIgnoreCase): the three sigmas are
    equal.

    casefold() would make `straße` and `strasse` equal, which may be two resource groups. A letter outside ASCII does not become
    one of ASCII, as the Kelvin sign would become `k`, nor two letters.
    """
    capital = letter.upper()
    small = (capital if len(capital) == 1 else letter).lower()
    return small if len(small) == 1 and small.isascii() == letter.isascii() else letter
