"""Names and ids of what exists when the lab starts. seed.py creates it."""

import uuid

TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
LOCATION = "westeurope"

IDENTITY_GROUP = "rg-gitlab"
STORAGE_GROUP = "rg-storage"
PLATFORM_GROUP = "rg-platform"

STORAGE_ACCOUNTS = ("gitlabstore", "otherstore")
CONTAINERS = (
    "registry",
    "gitlab-artifacts",
    "git-lfs",
    "gitlab-uploads",
    "gitlab-packages",
    "gitlab-backups",
    "tmp",
    "gitlab-pages",
)
BLOB_ACCOUNT, BLOB_CONTAINER, BLOB_NAME = "gitlabstore", "registry", "hello.txt"
BLOB_CONTENT = b"Hello from the registry container.\n"

# An issuer as AKS writes it: the slash at the end is part of it.
ISSUER = f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/7d3a6d5e-1c0f-4c7e-9f2a-3b6c8d9e0f12/"
AUDIENCE = "api://AzureADTokenExchange"

OPERATOR_IDENTITY = "gitlab-azure-identity-operator"
OPERATOR_CREDENTIAL = "gitlab-azure-identity"
OPERATOR_SUBJECT = "system:serviceaccount:gitlab-azure-identity:gitlab-azure-identity"

ASSIGNABLE = "{ba92f5b4-2d11-453d-a403-e96b0029c9fe, db58b8e5-c6ad-4a2a-8342-4190687cbf4a}"
"""Storage Blob Data Contributor and Storage Blob Delegator."""


def _only(source: str, verb: str) -> str:
    kind = "Microsoft.Authorization/roleAssignments"
    return (
        f"((!(ActionMatches{{'{kind}/{verb}'}})) OR "
        f"(@{source}[{kind}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {ASSIGNABLE} AND "
        f"@{source}[{kind}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}}))"
    )


OPERATOR_CONDITION = f"{_only('Request', 'write')} AND {_only('Resource', 'delete')}"
"""The condition on the operator's role at the storage account, as in docs/azure-permissions.md."""


def named_guid(name: str) -> str:
    """A GUID derived from a name. It is the same at every start, so that a client recognizes a restarted lab."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"lab:{name}"))


OWNER_PRINCIPAL, OWNER_CLIENT = named_guid("owner/principal"), named_guid("owner/client")
OPERATOR_PRINCIPAL, OPERATOR_CLIENT = named_guid("operator/principal"), named_guid("operator/client")
