"""One link is broken in each of these worlds, in the ways that GitLab's documentation, its trackers and Azure's know: the right
condition says so, with what is broken and what mends it. Where nothing is broken, nothing is said, however unusual it is."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.running import Lab

from .colleague import Colleague, publish_settings
from .operating import Operator
from .resources import GitLab
from .watching import Object
from .worlds import account, cluster, names, pods, refusals, roles, trust, unusual
from .worlds.scene import SETTINGS, Make, Scene

IDENTITY, CREDENTIALS, ROLES = "IdentityReady", "CredentialsFederated", "RolesAssigned"
ACCOUNTS, SECRETS, ACCESS, READY = "ServiceAccountsAnnotated", "SecretsWritten", "AccessVerified", "Ready"
WORKLOADS = "WorkloadsReady"
CHAIN = (IDENTITY, CREDENTIALS, ROLES, ACCOUNTS, SECRETS, ACCESS, WORKLOADS)

ADD_CREDENTIAL = "az identity federated-credential create --subscription {subscription} --resource-group rg-gitlab"
LIST_CREDENTIALS = "az identity federated-credential list --resource-group rg-gitlab --identity-name {identity}"
ADD_ROLE = (
    "az role assignment create --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --role "
)
LIST_ROLES = "az role assignment list --all --assignee-object-id {principal}"
ANNOTATE = "kubectl -n {namespace} annotate {kind} gitlabazure.io/adopt-by=gitlab"
ANOTHER_NAME = "create it anew with another spec.identity.name"


@dataclass(frozen=True)
class World:
    """A world, the link that is broken in it, and what a person is told.

    `says` are words of the condition's message that name what is broken, and `mends` is the command, or else the next step.
    Names of the world stand in braces: see `Scene.names`. `also` are links that are broken by the same cause. `shows` is what
    `doctor` alone says, and `beside` are checks of its own that find the cause."""

    make: Make
    link: str
    reason: str
    says: str
    mends: str
    status: str = "False"
    also: tuple[str, ...] = ()
    shows: str = ""
    beside: tuple[str, ...] = ()


RESTART = "kubectl -n {namespace} rollout restart deployment/gitlab-toolbox"
GIVE_VALUES = (
    "kubectl -n {namespace} get cm gitlab-gitlab-values -o jsonpath='{{.data.values\\.yaml}}' | helm upgrade gitlab "
    "gitlab/gitlab --namespace {namespace} --reuse-values -f - --version 9.9.1"
)

WORLDS = [
    # pods
    World(
        pods.pod_without_the_label,
        WORKLOADS,
        "NotLabelled",
        'The toolbox pod lacks the label azure.workload.identity/use: "true"',
        GIVE_VALUES,
    ),
    World(
        pods.label_that_is_not_true,
        WORKLOADS,
        "NotLabelled",
        'The toolbox pod lacks the label azure.workload.identity/use: "true" (it is "enabled")',
        GIVE_VALUES,
    ),
    World(
        pods.pod_of_the_default_account,
        WORKLOADS,
        "WrongServiceAccount",
        "The toolbox pod runs as service account default, which is not of this resource: it wants gitlab",
        GIVE_VALUES,
    ),
    World(
        pods.pod_of_another_account,
        WORKLOADS,
        "WrongServiceAccount",
        "The toolbox pod runs as service account gitlab-toolbox, which is not of this resource: it wants gitlab",
        GIVE_VALUES,
    ),
    World(
        pods.pod_that_was_labelled_while_it_ran,
        WORKLOADS,
        "NotInjected",
        "none of the AZURE_ variables: the webhook did not change it",
        RESTART,
    ),
    World(
        pods.webhook_that_leaves_out_the_namespace,
        WORKLOADS,
        "NotInjected",
        "none of the AZURE_ variables: the webhook did not change it",
        RESTART,
        beside=("Webhook",),
    ),
    World(
        pods.pod_older_than_its_accounts_annotation,
        WORKLOADS,
        "StalePods",
        "was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID",
        RESTART,
    ),
    World(
        pods.client_id_of_a_former_identity,
        WORKLOADS,
        "StalePods",
        "and the managed identity has {client}",
        RESTART,
    ),
    World(
        pods.tenant_of_somebody_else,
        WORKLOADS,
        "StalePods",
        "has tenant 11111111-0000-4000-8000-000000000000, and the managed identity is in {tenant}",
        RESTART,
    ),
    World(
        pods.secret_that_changed_after_the_pod_read_it,
        WORKLOADS,
        "StalePods",
        "The toolbox pod read secret gitlab-azure-backup-conf before its content changed",
        RESTART,
    ),
    # names
    World(
        names.misspelt_container,
        ACCESS,
        "ContainerNotFound",
        "There is no container git-lsf of storage account gitlabstore. Did you mean git-lfs?",
        "az storage container create --auth-mode login --account-name gitlabstore --name git-lsf",
    ),
    World(
        names.misspelt_account,
        ROLES,
        "AuthorizationFailed",
        "storage account {misspelt}",
        "does not exist in that resource group: check the names of both",
        shows="There is no storage account {misspelt}. Did you mean {store}?",
    ),
    World(
        names.misspelt_account_seen_from_above,
        ROLES,
        "AccountNotFound",
        "{misspelt}",
        "az storage account list --query \"[?name=='{misspelt}'].id\"",
        shows="There is no storage account {misspelt}. Did you mean {store}?",
    ),
    World(
        names.misspelt_group_of_the_account,
        ROLES,
        "AuthorizationFailed",
        "resourceGroups/rg-storge/",
        "does not exist in that resource group: check the names of both",
        shows="There is no resource group rg-storge. Did you mean rg-storage?",
    ),
    World(
        names.misspelt_group_of_the_identity,
        IDENTITY,
        "AuthorizationFailed",
        "resource group rg-gitlba",
        "Azure says the same of a resource group that does not exist: check its name.",
        shows="There is no resource group rg-gitlba. Did you mean rg-gitlab?",
    ),
    World(
        names.misspelt_group_seen_from_above,
        IDENTITY,
        "ResourceGroupNotFound",
        "Resource group 'rg-gitlba' could not be found",
        "create it again with another spec.azure.resourceGroup, which cannot change",
        shows="There is no resource group rg-gitlba. Did you mean rg-gitlab?",
    ),
    World(
        names.another_subscription,
        IDENTITY,
        "SubscriptionNotFound",
        "99999999-2222-3333-4444-555555555555",
        "create it again with another spec.azure.subscriptionId, which cannot change",
    ),
    World(
        names.account_outside_the_policy,
        IDENTITY,
        "NotPermitted",
        "use storage account otherstore",
        "add to `policy` in the operator's settings: {{namespaces: [{namespace}], storage: [",
    ),
    World(
        names.identity_of_another_resource,
        IDENTITY,
        "NotOwned",
        "Managed identity claimed-{namespace} exists and belongs to lab/elsewhere/gitlab",
        ANOTHER_NAME,
    ),
    World(
        names.identity_of_somebody_else,
        IDENTITY,
        "NotOwned",
        "Managed identity foreign-{namespace} exists and does not carry this operator's tags",
        ANOTHER_NAME,
    ),
    # trust
    World(
        trust.identity_that_nobody_made,
        IDENTITY,
        "NotFound",
        "Managed identity theirs-0 does not exist in resource group rg-gitlab",
        "az identity create --subscription {subscription} --resource-group rg-gitlab --name theirs-0",
    ),
    World(
        trust.no_credential,
        CREDENTIALS,
        "NotFound",
        "has no federated credential for system:serviceaccount:{namespace}:gitlab",
        ADD_CREDENTIAL,
        also=(ACCESS,),
    ),
    World(
        trust.issuer_without_its_slash,
        CREDENTIALS,
        "NotFound",
        "Its credential terraform trusts system:serviceaccount:{namespace}:gitlab by issuer {issuer_without_slash} instead",
        ADD_CREDENTIAL,
        also=(ACCESS,),
        shows="^ the slash at the end is missing",
    ),
    World(
        trust.subject_of_another_account,
        CREDENTIALS,
        "NotFound",
        "has no federated credential for system:serviceaccount:{namespace}:gitlab",
        ADD_CREDENTIAL,
        also=(ACCESS,),
        shows="subject of the credential: system:serviceaccount:{namespace}:gitlab-webservice-default",
    ),
    World(
        trust.another_audience,
        CREDENTIALS,
        "Conflict",
        "for audience api://AzureADTokenExchangeUSGov instead of api://AzureADTokenExchange",
        "az identity federated-credential delete --subscription {subscription} --resource-group rg-gitlab",
    ),
    World(
        trust.identity_that_trusts_a_stranger,
        IDENTITY,
        "SharedIdentity",
        "also trusts system:serviceaccount:elsewhere:default, by its federated credential stranger",
        "az identity federated-credential delete --subscription {subscription} --resource-group rg-gitlab",
    ),
    World(
        trust.twenty_credentials,
        CREDENTIALS,
        "LimitExceeded",
        "would need 21 federated credentials, and Azure allows 20",
        "Use fewer service accounts, or another identity.",
    ),
    World(
        trust.issuer_in_the_settings,
        ACCESS,
        "IssuerMismatch",
        "but the federated credentials trust {issuer_without_slash}.",
        "kubectl get --raw /.well-known/openid-configuration",
    ),
    World(
        trust.issuer_that_entra_cannot_reach,
        ACCESS,
        "IssuerUnreachable",
        "AADSTS90061",
        "Check that the cluster's issuer can be reached from the internet.",
        status="Unknown",
    ),
    World(
        trust.credential_that_entra_does_not_know,
        ACCESS,
        "TokenRejected",
        "No federated credential matches the token",
        LIST_CREDENTIALS,
    ),
    World(
        trust.token_for_another_audience,
        ACCESS,
        "TokenRejected",
        "AADSTS700212). No federated credential has the audience of the token.",
        LIST_CREDENTIALS,
    ),
    World(
        trust.clock_that_is_wrong,
        ACCESS,
        "TokenRejected",
        "The token is not valid at this time",
        "Check the clocks of the cluster's control plane",
        beside=("Clock",),
    ),
    # roles
    World(
        roles.no_role,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Data Contributor" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Data Contributor" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.role_at_another_account,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Data Contributor" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Data Contributor" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.role_that_manages_the_account_and_not_its_blobs,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Data Contributor" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Data Contributor" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.role_that_only_reads,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Data Contributor" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Data Contributor" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.role_at_one_container_alone,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Data Contributor" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Data Contributor" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.no_delegator_beside_roles_at_containers,
        ROLES,
        "NotFound",
        'does not have role "Storage Blob Delegator" at storage account gitlabstore',
        f'{ADD_ROLE}"Storage Blob Delegator" --scope {{account_id}}',
        also=(ACCESS,),
    ),
    World(
        roles.role_with_a_condition,
        ACCESS,
        "AccessDenied",
        "may list and read, may not write or delete in container registry of storage account {store}",
        LIST_ROLES,
    ),
    World(
        roles.denied_to_write_blobs,
        ACCESS,
        "AccessDenied",
        "may list, read and delete, may not write in container registry of storage account {store}",
        LIST_ROLES,
    ),
    World(
        roles.denied_to_sign_addresses,
        ACCESS,
        "AccessDenied",
        "may not sign addresses with a user delegation key of storage account {store}",
        LIST_ROLES,
    ),
    World(
        roles.operator_that_may_not_assign,
        ROLES,
        "AuthorizationFailed",
        "on storage account gitlabstore: docs/azure-permissions.md#storage",
        'Grant its identity "Role Based Access Control Administrator" on storage account gitlabstore',
    ),
    World(
        roles.operator_that_is_denied_to_assign,
        ROLES,
        "DenyAssignment",
        "the deny assignment with name 'System deny assignment of the lab'",
        "Ask who created it to exclude the operator's identity.",
    ),
    World(
        roles.no_room_for_assignments,
        ROLES,
        "LimitExceeded",
        "The subscription has reached its limit of 4000 role assignments",
        "Remove unused ones.",
    ),
    # the account
    World(
        account.hierarchical_namespace,
        ACCESS,
        "AccountUnusable",
        "Storage account {store} has a hierarchical namespace",
        "Use an account without one",
    ),
    World(
        account.account_for_files,
        ACCESS,
        "AccountUnusable",
        "Storage account {store} has no Blob Storage, since its kind is FileStorage",
        "Use an account of kind StorageV2",
    ),
    World(
        account.firewall,
        ACCESS,
        "NetworkBlocked",
        "Its firewall admits only the networks that its rules name.",
        "az storage account network-rule add --account-name {store} --subnet",
    ),
    World(
        account.no_public_access,
        ACCESS,
        "NetworkBlocked",
        "Storage account {store} has its public network access disabled, and no private endpoint.",
        "Make a private endpoint for the cluster's network",
    ),
    # refusals by Azure
    World(
        refusals.policy_of_azure,
        IDENTITY,
        "RequestDisallowedByPolicy",
        'Azure Policy: policy "no-identities"',
        "Ask who assigned it.",
    ),
    World(
        refusals.lock_on_the_account,
        ROLES,
        "ScopeLocked",
        "are locked: '{account_id}'",
        "az lock list --resource-group rg-storage --output table",
    ),
    World(
        refusals.lock_on_the_group_of_the_identity,
        IDENTITY,
        "ScopeLocked",
        "are locked: '{group_id}'",
        "az lock list --resource-group rg-gitlab --output table",
    ),
    World(
        refusals.region_without_federated_credentials,
        CREDENTIALS,
        "RegionNotSupported",
        "does not support federated credentials in region newzealandnorth",
        "create it again with another spec.azure.location",
    ),
    World(
        refusals.disabled_subscription,
        IDENTITY,
        "SubscriptionDisabled",
        "The subscription '{subscription}' is disabled",
        "Whoever pays for it can enable it again.",
    ),
    World(
        refusals.subscription_of_another_tenant,
        IDENTITY,
        "WrongTenant",
        "to another tenant than that of the subscription",
        "Give the operator an identity in the tenant of the subscription",
    ),
    World(
        refusals.unregistered_provider,
        IDENTITY,
        "MissingSubscriptionRegistration",
        "not registered to use namespace 'Microsoft.ManagedIdentity'",
        "az provider register --namespace Microsoft.ManagedIdentity",
    ),
    World(
        refusals.group_that_is_being_deleted,
        IDENTITY,
        "BeingDeleted",
        "The resource group 'rg-gitlab' is in deprovisioning state",
        "It is tried again.",
        status="Unknown",
    ),
    # the cluster
    World(
        cluster.helms_account_that_is_missing,
        ACCOUNTS,
        "NotFound",
        "Service account gitlab does not exist",
        "Install the chart that creates it, or use `management: Manage`.",
    ),
    World(
        cluster.client_id_that_helm_sets,
        ACCOUNTS,
        "FieldConflict",
        "azure.workload.identity/client-id: 00000000-aaaa-bbbb-cccc-dddddddddddd, set by field manager helm",
        "Remove or correct it there, for example in the values of the chart that creates the service account.",
    ),
    World(
        cluster.service_account_of_somebody_else,
        ACCOUNTS,
        "NotOwned",
        "Service account gitlab exists and was not created by this operator",
        ANNOTATE.replace("{kind}", "serviceaccount gitlab"),
    ),
    World(
        cluster.secret_of_somebody_else,
        SECRETS,
        "NotOwned",
        "Secret gitlab-object-storage exists and was not created by this operator",
        ANNOTATE.replace("{kind}", "secret gitlab-object-storage"),
    ),
    World(
        cluster.config_map_of_somebody_else,
        SECRETS,
        "NotOwned",
        "Config map gitlab-gitlab-values exists and was not created by this operator",
        ANNOTATE.replace("{kind}", "configmap gitlab-gitlab-values"),
    ),
    World(
        cluster.immutable_secret,
        SECRETS,
        "Immutable",
        "field is immutable when `immutable` is set",
        "kubectl -n {namespace} delete secret gitlab-registry-storage",
    ),
    World(
        cluster.quota_that_is_used_up,
        SECRETS,
        "QuotaExceeded",
        "exceeded quota: team",
        "kubectl -n {namespace} describe quota",
    ),
    World(
        cluster.namespace_without_rights,
        ACCOUNTS,
        "Forbidden",
        "The operator may not read service account gitlab",
        "Add {namespace} to `namespaces` in the values of its Helm chart",
        also=(SECRETS,),
    ),
    World(
        cluster.admission_policy,
        SECRETS,
        "AdmissionRefused",
        "secrets need a label team",
        "make an exception there for objects with the label `gitlabazure.io/owner`.",
    ),
    World(
        cluster.release_that_is_too_old,
        SECRETS,
        "VersionUnsupported",
        "The chart before 8.9 (GitLab before 17.9) does not render without a storage key",
        "say the new version in spec.gitlab.version",
    ),
    World(
        cluster.suspended,
        READY,
        "Suspended",
        "spec.suspend is true",
        'kubectl -n {namespace} patch gai gitlab --type merge -p \'{{"spec":{{"suspend":false}}}}\'',
    ),
]

UNUSUAL: list[Make] = [
    unusual.identity_shared_by_permission_of_the_policy,
    unusual.everything_is_observed,
    unusual.role_above_the_account,
    unusual.endpoints_in_a_dns_zone,
    unusual.keys_switched_off,
    unusual.hierarchical_namespace_without_the_registry,
    unusual.several_accounts_one_of_them_helms,
    unusual.purposes_that_are_disabled,
    unusual.roles_at_containers,
    unusual.container_whose_name_is_a_number_to_others,
]


def words(make: Make) -> str:
    return make.__name__.replace("_", " ")


@pytest.fixture(scope="module")
def sure(lab: Lab, _operator: Operator) -> Iterator[Operator]:
    """The operator, which takes no refusal for a delay: there are none in these worlds."""
    _operator.restart(**SETTINGS)
    publish_settings(lab, **SETTINGS)
    yield _operator
    _operator.restart()
    publish_settings(lab)


@pytest.fixture(scope="module")
def person(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Colleague:
    """The administrator of the cluster, who may read the subscription."""
    return Colleague(lab, tmp_path_factory.mktemp("colleague")).with_role("Reader")


@pytest.fixture
def scene(sure: Operator, person: Colleague, gitlab: GitLab) -> Iterator[Scene]:
    scene = Scene(gitlab, sure, person)
    with scene.ends:
        scene.ends.callback(gitlab.lab.controls.restore)
        yield scene


@pytest.mark.parametrize("world", [pytest.param(one, id=words(one.make)) for one in WORLDS])
def test_the_broken_link_is_named_with_what_mends_it(scene: Scene, world: World) -> None:
    world.make(scene)

    found = scene.gitlab.until(lambda found: tells(found, world))
    names = scene.names(found)
    conditions = {one["type"]: one for one in found["status"]["conditions"]}
    message = conditions[world.link]["message"]
    assert world.says.format(**names) in message
    assert {kind for kind in CHAIN if conditions[kind]["status"] == "False"} - {world.link} == {*world.also}
    if world.link != WORKLOADS:
        assert conditions[READY]["message"] == message

    answer = scene.person.answer("doctor", "gitlab", "-n", scene.gitlab.namespace)
    problems = {
        one["check"]: " ".join([one["message"], *one["details"], *one["steps"], *one["commands"]])
        for one in answer["problems"]
    }
    if world.status == "False":
        assert {*problems} == {world.link, *world.also, *world.beside}
    found_by_doctor = problems.get(world.link, message)
    assert (world.shows or world.mends).format(**names) in found_by_doctor
    assert world.mends.format(**names) in f"{message} {found_by_doctor}"


def tells(found: Object, world: World) -> bool:
    """Whether the operator says of this generation what is wrong. Pods never hold back Ready."""
    said = {
        one["type"]: (one["status"], one["reason"])
        for one in found.get("status", {}).get("conditions", ())
        if one["observedGeneration"] == found["metadata"]["generation"]
    }
    expected = (world.status, world.reason)
    return said.get(world.link) == expected and said.get(READY) == (
        ("True", "Ready") if world.link == WORKLOADS else expected
    )


@pytest.mark.parametrize("make", [pytest.param(one, id=words(one)) for one in UNUSUAL])
def test_nothing_is_said_where_nothing_is_broken(scene: Scene, make: Make) -> None:
    make(scene)
    scene.gitlab.ready()
    pods.toolbox(scene)

    found = scene.gitlab.condition("WorkloadsReady", "True")["status"]
    ran = scene.person.gai("doctor", "gitlab", "-n", scene.gitlab.namespace)

    assert [one for one in found["conditions"] if one["status"] != "True"] == []
    assert "lingering" not in found
    assert "missing" not in found
    assert [event for event in scene.gitlab.events() if event["type"] == "Warning"] == []
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.splitlines()[0] == f"{scene.gitlab.namespace}/gitlab: no problem"
