"""The resource: its typed spec and status, its conditions, and the CRD generated from them."""

GROUP = "gitlabazure.io"
VERSION = "v1alpha1"
KIND = "GitLabAzureIdentity"
PLURAL = "gitlabazureidentities"
API_VERSION = f"{GROUP}/{VERSION}"

# The names under the operator's own prefix that it writes on a Kubernetes object, or reads there.
FINALIZER = f"{GROUP}/finalizer"
OWNER_LABEL = f"{GROUP}/owner"
CREATED_BY_ANNOTATION = f"{GROUP}/created-by"
RESTARTED_FOR_ANNOTATION = f"{GROUP}/restarted-for"
CONTENT_HASH_ANNOTATION = f"{GROUP}/content-hash"
CONTENT_CHANGED_ANNOTATION = f"{GROUP}/content-changed-at"
LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
ADOPT_ANNOTATION = f"{GROUP}/adopt-by"
ABANDON_ANNOTATION = f"{GROUP}/abandon"
REQUESTED_AT_ANNOTATION = f"{GROUP}/requested-at"
FLUX_REQUESTED_AT_ANNOTATION = "reconcile.fluxcd.io/requestedAt"
# Read by the azure-workload-identity pod webhook (azure-workload-identity 1.6.0, pkg/webhook/consts.go). Without the tenant's
# annotation the webhook gives a pod its own default tenant.
CLIENT_ID_ANNOTATION = "azure.workload.identity/client-id"
TENANT_ID_ANNOTATION = "azure.workload.identity/tenant-id"
