"""Why GitLab cannot reach its blobs although the resource is Ready: its pods, its chart, its settings."""

from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Cause, Chapter, Step

_UPGRADE = "upgrade GitLab with [the operator's values](../README.md#use-it-with-the-gitlab-chart)."

CHAPTER = Chapter(
    "It is Ready, and GitLab still cannot reach its blobs",
    text="""Ready means that the service account, the identity, the roles and the containers fit together. It says
    nothing about pods.""",
    causes=(
        Cause(
            key="started-before-annotation",
            title="The pods started before the annotation",
            what="The pods lack variables, or have another client ID than the identity.",
            why="""The webhook changes a pod only when it is created. A pod needs `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`,
            `AZURE_FEDERATED_TOKEN_FILE` and `AZURE_AUTHORITY_HOST`, and `AZURE_CLIENT_ID` must be
            `status.identity.clientId`. The same happens after the client ID has changed, for example because an
            identity was created again.""",
            steps=(
                Step("Look at the variables of a pod", commands.SHOW_VARIABLES),
                Step("If they are not right, restart the pods", commands.RESTART),
            ),
        ),
        Cause(
            key="not-labelled",
            title="The pods lack the label",
            what="The pods have none of the `AZURE_` variables.",
            why="""The pods of webservice, sidekiq, toolbox and registry need the label `azure.workload.identity/use:
            "true"`, a string. The values that the operator writes contain it.""",
            steps=(
                Step("Check that they reached Helm", commands.SHOW_LABEL_VALUES),
                Step(f"If they did not, {_UPGRADE}"),
            ),
        ),
        Cause(
            key="wrong-service-account",
            title="The pods use another service account",
            what="The pods have all variables but `AZURE_CLIENT_ID`.",
            why="""`default` means that the chart's values name no account: without `global.serviceAccount.enabled:
            true` the GitLab chart uses none of its own. The values that the operator writes contain everything that is
            needed.""",
            steps=(
                Step("Look at the account of each pod", commands.SHOW_ACCOUNTS),
                Step(f"If it is another one, {_UPGRADE}"),
            ),
        ),
        Cause(
            key="stale-secret",
            title="The secret changed, the pods did not",
            what="The pods have the former content of a secret.",
            why="GitLab's pods copy the secrets when they start.",
            steps=(Step("Restart them", commands.RESTART),),
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
