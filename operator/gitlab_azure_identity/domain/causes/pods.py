"""Why GitLab cannot reach its blobs although the resource is Ready: its pods, its chart, its settings."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Step

_UPGRADE = "upgrade GitLab with [the operator's values](../README.md#use-it-with-the-gitlab-chart)."

CHAPTER = Chapter(
    "It is Ready, and GitLab still cannot reach its blobs",
    text="""Ready means that the service account, the identity, the roles and the containers fit together. It says
    nothing about pods. WorkloadsReady does, and its message has the command that mends them.""",
    causes=(
        Cause(
            key=Reason.NOT_LABELLED,
            on=(Link.WORKLOADS,),
            what="""A pod of GitLab has no label `azure.workload.identity/use: "true"`, or has it with another value.""",
            why="""`true` must be a string. The webhook does not change such a pod, so it has none of the `AZURE_` variables.
            The values that the operator writes contain the label.""",
            steps=(
                Step("Give the chart these values, as the message says", commands.GIVE_VALUES),
                Step("Check that they reached Helm", commands.SHOW_LABEL_VALUES),
                Step("Where Flux or Argo CD installs GitLab, put them there: [docs/gitops.md](gitops.md)."),
                Step(
                    "With the GitLab Operator, put them into its GitLab resource: [docs/gitlab-operator.md](gitlab-operator.md)."
                ),
            ),
        ),
        Cause(
            key=Reason.WRONG_SERVICE_ACCOUNT,
            on=(Link.WORKLOADS,),
            what="A pod of GitLab runs as a service account that is not among `spec.serviceAccounts`.",
            why="""Entra trusts none of its tokens for the identity. `default` means that the chart's values name no account:
            without `global.serviceAccount.enabled: true` the GitLab chart uses none of its own. The values that the operator
            writes contain everything that is needed, except for accounts with `management: Annotate`.""",
            steps=(
                Step("Look at the account of each pod", commands.SHOW_ACCOUNTS),
                Step(f"If it is another one, {_UPGRADE}"),
            ),
        ),
        Cause(
            key=Reason.NOT_INJECTED,
            on=(Link.WORKLOADS,),
            what="A pod has the label and the service account, and none of the `AZURE_` variables.",
            why="""The webhook changes a pod only when it is created. So it was not there then, or it excludes the namespace
            (`kube-system` and others of AKS's own), or somebody labelled the running pod. AKS installs the webhook with
            `--enable-workload-identity`.""",
            steps=(
                Step("See whether it is there", commands.SHOW_WEBHOOKS),
                Step("Then restart what makes the pod, as the message says", commands.RESTART_WORKLOAD),
            ),
        ),
        Cause(
            key=Reason.STALE_PODS,
            on=(Link.WORKLOADS,),
            what="A pod of GitLab was created before what it needs was there, or before that changed.",
            why="[docs/resource.md](resource.md#gitlabs-pods) says what is compared.",
            cases=(
                Case(
                    says="was annotated, and",
                    why="""The pod has no `AZURE_CLIENT_ID`, since it was created before its service account was annotated.
                    This is so after a first installation where Helm creates the accounts (`management: Annotate`) and the
                    pods in the same second.""",
                ),
                Case(
                    says="client ID {former}, and the managed identity has",
                    why="""The identity was created again. Or GitLab's own values set `AZURE_CLIENT_ID`, and the webhook keeps
                    that: no restart changes it.""",
                ),
                Case(
                    says="tenant {former}, and the managed identity is in",
                    why="""Its service account had another tenant. Or GitLab's own values set `AZURE_TENANT_ID`, and the webhook
                    keeps that: no restart changes it.""",
                ),
                Case(
                    says="which is paused",
                    why="A Deployment whose rollout is paused cannot be restarted.",
                    steps=(Step("Resume it", commands.RESUME_ROLLOUT),),
                ),
                Case(
                    says="before its content changed",
                    why="GitLab's pods copy a secret when they start, and its content changed after that.",
                ),
            ),
            steps=(
                Step("Look at the variables of a pod", commands.SHOW_VARIABLES),
                Step("Restart what the message names, or all of GitLab's Deployments", commands.RESTART),
            ),
        ),
        Cause(
            key="registry-driver",
            title="The registry says no accountkey parameter provided",
            what="The registry says `no accountkey parameter provided`: it found no `credentials_type`.",
            why="""Either the secret is not the operator's, or the driver is the old `azure` one, which knows storage
            keys only. A registry with broken storage starts and looks healthy; it fails at the first push.""",
            steps=(
                Step("Look at the secret", commands.SHOW_REGISTRY_SECRET),
                Step(
                    """It must have `azure_v2` and `credentials_type: default_credentials`. Chart 8.8 (registry 4.15)
                    or newer is needed."""
                ),
            ),
        ),
        Cause(
            key="local-network",
            title="Uploads fail with Requests to the local network are not allowed",
            what="GitLab says `Requests to the local network are not allowed`.",
            why="The storage account has a private endpoint, and GitLab's own outbound filter blocks it.",
            steps=(Step("Allow `{account}.blob.core.windows.net` under Admin, Settings, Network, Outbound requests."),),
        ),
        Cause(
            key="gem-401",
            title="401 after a day or two, until the pod restarts",
            what="Requests fail with 401 a day or two after a pod started.",
            why="""This is a defect of the gem `gitlab-fog-azure-rm` before 2.5.2, which GitLab has from 19.3 on
            ([KnownDefect](#knowndefect)).""",
            steps=(Step("Upgrade GitLab. Until then restart webservice and sidekiq daily", commands.RESTART),),
        ),
        Cause(
            key="numeric-container",
            title="A container with a number for a name",
            what="""Kubernetes refuses the toolbox's Deployment: `cannot unmarshal number into Go struct field
            EnvVar…value of type string`.""",
            why="""The chart's own templates write bucket names without quotes. So a name such as `123456` becomes a
            number in the toolbox's environment. No value can prevent that.""",
            steps=(Step("Give the container a name with a letter or a dash."),),
        ),
        Cause(
            key="disabled-purpose",
            title="A purpose is Disabled, and GitLab still uses a container for it",
            what="GitLab uses a container for a purpose whose container is `management: Disabled`.",
            why="""Its Helm values leave that purpose out, so the chart's default applies: its own container name,
            switched on for artifacts, lfs, uploads, packages and pages.""",
            steps=(
                Step(
                    """Set `spec.gitlab.features: Follow`: the values then switch the feature off. Or switch it off in
                    your own values. SecretsWritten names them: [docs/resource.md#disabled](resource.md#disabled)."""
                ),
            ),
        ),
        Cause(
            key="access-from-the-pod",
            title="Test access as GitLab does",
            what="azcopy in the toolbox logs in as GitLab does, and shows what Azure answers.",
            steps=(Step("List the blobs of a container", commands.LIST_BLOBS),),
        ),
    ),
)
