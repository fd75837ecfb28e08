"""The conditions of the resource, in the order of the chain that must hold from a pod to its blobs."""

IDENTITY_READY = "IdentityReady"
CREDENTIALS_FEDERATED = "CredentialsFederated"
ROLES_ASSIGNED = "RolesAssigned"
SERVICE_ACCOUNTS_ANNOTATED = "ServiceAccountsAnnotated"
SECRETS_WRITTEN = "SecretsWritten"
ACCESS_VERIFIED = "AccessVerified"

LINKS = (
    IDENTITY_READY,
    CREDENTIALS_FEDERATED,
    ROLES_ASSIGNED,
    SERVICE_ACCOUNTS_ANNOTATED,
    SECRETS_WRITTEN,
    ACCESS_VERIFIED,
)

READY = "Ready"
# kstatus: present only while True (cli-utils, pkg/kstatus/status/generic.go).
RECONCILING = "Reconciling"
STALLED = "Stalled"
