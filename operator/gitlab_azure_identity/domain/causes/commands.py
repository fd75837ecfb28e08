"""The commands that people are told, by messages, by `kubectl gai` and by docs/troubleshooting.md. Each is spelt here alone.

`{placeholders}` are filled with the names of a resource; the page shows them with example names, or in angle brackets."""

from gitlab_azure_identity.api import ABANDON_ANNOTATION, ADOPT_ANNOTATION, REQUESTED_AT_ANNOTATION
from gitlab_azure_identity.domain.causes.model import Command

# the resource
FIRST_TROUBLE = Command("kubectl -n {namespace} get gai -o wide")
DESCRIBE = Command("kubectl -n {namespace} describe gai {name}")
SHOW_CONDITIONS = Command(
    "kubectl -n {namespace} get gai {name} -o json | "
    "jq -r '.status.conditions[] | [.type, .status, .reason, .message] | @tsv'"
)
ASK_FOR_A_PASS = Command(
    f'kubectl -n {{namespace}} annotate gai {{name}} --overwrite {REQUESTED_AT_ANNOTATION}="$(date +%s)"'
)
ABANDON = Command(f"kubectl -n {{namespace}} annotate gai {{name}} {ABANDON_ANNOTATION}=true")

SHOW_TERRAFORM = Command("kubectl -n {namespace} get gai {name} -o jsonpath='{.status.missing[*].terraform}'")

RESUME = Command("""kubectl -n {namespace} patch gai {name} --type merge -p '{"spec":{"suspend":false}}'""")

# objects in the cluster
HAND_OVER = Command(f"kubectl -n {{namespace}} annotate {{kind}} {{object}} {ADOPT_ANNOTATION}={{name}}")
WITHOUT_IMMUTABLE = Command(
    "kubectl -n {namespace} get secret {secret} -o json | jq 'del(.immutable)' | kubectl replace --force -f -"
)
DELETE_OBJECT = Command("kubectl -n {namespace} delete {kind} {object}")
SHOW_FIELDS = Command("kubectl -n {namespace} get {kind} {object} -o yaml --show-managed-fields")
SHOW_QUOTAS = Command("kubectl -n {namespace} describe quota")

# the operator
OPERATOR_PODS = Command("kubectl -n gitlab-azure-identity get pods")
OPERATOR_LOG = Command(
    "kubectl -n gitlab-azure-identity logs --selector app.kubernetes.io/name=gitlab-azure-identity --tail=-1"
)
SHOW_LEASE = Command("kubectl -n gitlab-azure-identity get lease")
LOG_OF_RESOURCE = Command(f"{OPERATOR_LOG.text} | grep '\"{{namespace}}/{{name}}\"'")

# the cluster's tokens
ENABLE_ISSUER = Command("az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer")
SHOW_ISSUER = Command("kubectl get --raw /.well-known/openid-configuration")
SHOW_KEYS = Command("kubectl get --raw /openid/v1/jwks")

# GitLab's pods
SHOW_WORKLOADS = Command(
    "kubectl -n {namespace} get gai {name} -o jsonpath='{.status.conditions[?(@.type==\"WorkloadsReady\")].message}'"
)
GIVE_VALUES = Command(
    "kubectl -n {namespace} get cm {values} -o jsonpath='{.data.values\\.yaml}' | "
    "helm upgrade {release} gitlab/gitlab --namespace {namespace} --reuse-values -f -"
)
RESTART_WORKLOAD = Command("kubectl -n {namespace} rollout restart {workload}")
RESUME_ROLLOUT = Command("kubectl -n {namespace} rollout resume {workload}")
SHOW_WEBHOOKS = Command("kubectl get mutatingwebhookconfigurations")
LIST_RELEASES = Command("helm list -n {namespace}")
RESTART = Command("kubectl -n {namespace} rollout restart deployment --selector release={release}")
SHOW_VARIABLES = Command("kubectl -n {namespace} exec deploy/{release}-toolbox -- env | grep AZURE_")
SHOW_LABEL_VALUES = Command("helm -n {namespace} get values {release} | grep workload.identity")
SHOW_ACCOUNTS = Command(
    "kubectl -n {namespace} get pods -o custom-columns=POD:.metadata.name,ACCOUNT:.spec.serviceAccountName"
)
SHOW_REGISTRY_SECRET = Command(
    "kubectl -n {namespace} get secret {registry_secret} -o jsonpath='{.data.config}' | base64 -d"
)
LIST_BLOBS = Command(
    "kubectl -n {namespace} exec -it deploy/{release}-toolbox -- bash -c 'AZCOPY_AUTO_LOGIN_TYPE=workload azcopy --log-level "
    "debug list https://{account}.blob.core.windows.net/{container}'"
)

# the webhook
SHOW_SELECTORS = Command("kubectl get mutatingwebhookconfiguration {webhook} -o yaml")
SHOW_WEBHOOK_PODS = Command("kubectl -n {webhook_namespace} get pods -l azure-workload-identity.io/system=true")
SHOW_NAMESPACE_LABELS = Command("kubectl get namespace {namespace} --show-labels")
ENABLE_WEBHOOK = Command(
    "az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer --enable-workload-identity"
)

# Azure
LIST_CREDENTIALS = Command("az identity federated-credential list --resource-group {group} --identity-name {identity}")
DELETE_CREDENTIAL = Command(
    "az identity federated-credential delete --subscription {subscription} --resource-group {group} --identity-name {identity} "
    "--name {credential} --yes"
)
RESTORE_TAGS = Command(
    "az tag update --resource-id {identity_id} --operation merge --tags gitlabazure-cluster={cluster} "
    "gitlabazure-namespace={namespace} gitlabazure-resource={name}"
)
LIST_ROLES = Command(
    "az role assignment list --all --assignee-object-id {principal} --fill-principal-name false "
    "--query '[].{role: roleDefinitionName, scope: scope, condition: condition}' --output table"
)
FIND_ACCOUNT = Command("az storage account list --query \"[?name=='{account}'].id\"")
CREATE_CONTAINER = Command("az storage container create --auth-mode login --account-name {account} --name {container}")
ALLOW_SUBNET = Command("az storage account network-rule add --account-name {account} --subnet {subnet_id}")
LIST_LOCKS = Command("az lock list --resource-group {group} --output table")
REGISTER = Command("az provider register --namespace {provider}")
