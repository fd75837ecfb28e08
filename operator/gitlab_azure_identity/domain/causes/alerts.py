"""What the alerts of deploy/prometheus/rules.yaml mean."""

from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Cause, Chapter, Step

CHAPTER = Chapter(
    "Alerts",
    text="""The alerts of [deploy/prometheus/rules.yaml](../deploy/prometheus/rules.yaml), by their names. What they are made
    from: [docs/settings.md](settings.md#health-and-metrics).""",
    causes=(
        Cause(
            key="alert-operator-down",
            title="GitLabAzureIdentityOperatorDown",
            what="Prometheus has scraped no operator for 5 minutes.",
            why="""What stands in Azure and in the cluster goes on working. Nothing is created, repaired or deleted
            meanwhile. Either no pod runs, or Prometheus does not reach the pods at the port of `httpPort`.""",
            steps=(
                Step("Look at the operator's pods", commands.OPERATOR_PODS),
                Step(
                    """If they run, look at the targets of Prometheus, and at network policies between it and the pods. If
                    they do not, [their log says why](#the-operator-does-not-run-or-does-not-see-the-resource)."""
                ),
            ),
        ),
        Cause(
            key="alert-no-leader",
            title="GitLabAzureIdentityNoLeader",
            what="Operators run, and none of them has held the Lease for 2 minutes.",
            why="""No resource is looked at. The operators' logs say `cannot be taken` with the answer of the API server.
            With 403 their Role or its binding is missing. Without an answer they do not reach the API server. A Lease that
            names a holder that no longer exists is taken after `leaseDuration` by itself, or after its own
            `leaseDurationSeconds` if that is longer.""",
            steps=(
                Step("Look who holds the Lease", commands.SHOW_LEASE),
                Step("Look at the logs", commands.OPERATOR_LOG),
                Step("If somebody wrote a holder or a duration into the Lease that no operator has, delete it."),
            ),
        ),
        Cause(
            key="alert-pass-stuck",
            title="GitLabAzureIdentityPassStuck",
            what="A pass or a deletion has lasted for more than half an hour.",
            why="""At Azure's rates a pass takes minutes where many federated credentials change, and longer where other
            clusters share the subscription ([throttle](settings.md#throttle)). A pass that neither sends nor receives
            anything is a defect: then `/healthz` names its resource, and the kubelet restarts the operator.""",
            steps=(
                Step("Look at what the log says of its resource last", commands.OPERATOR_LOG),
                Step("Please report a pass that lasts without a reason, with that part of the log."),
            ),
        ),
        Cause(
            key="alert-stalled",
            title="GitLabAzureIdentityStalled",
            what="A person must act on a resource: its condition `Stalled` is True.",
            why="The alert names the reason, which has a section on this page.",
            steps=(
                Step("Look what is wrong, and what to do", commands.FIRST_TROUBLE),
                Step("The alert ends with the next pass after that, and three minutes after its resource was deleted."),
            ),
        ),
        Cause(
            key="alert-not-ready",
            title="GitLabAzureIdentityNotReady",
            what="A resource has not been Ready for 45 minutes.",
            why="""That is longer than Azure takes to spread a role or a credential. Resources that are suspended or being
            deleted do not count.""",
            steps=(Step("Look what it waits for", commands.FIRST_TROUBLE),),
        ),
        Cause(
            key="alert-deletion-blocked",
            title="GitLabAzureIdentityDeletionBlocked",
            what="A resource was deleted, and for 15 minutes it could not be let go.",
            why="Something that was created for it still stands. See [DeletionBlocked](#deletionblocked).",
            steps=(Step("Look what keeps it", commands.FIRST_TROUBLE),),
        ),
        Cause(
            key="alert-errors",
            title="GitLabAzureIdentityErrors",
            what="For half an hour passes have met failures that mostly pass by themselves.",
            why="""The alert names the reason, which has a section on this page: [AzureUnavailable](#azureunavailable), for
            example. A resource that was Ready stays so for the first of them.""",
            steps=(Step("Look which requests fail, and how", commands.OPERATOR_LOG),),
        ),
        Cause(
            key="alert-defect",
            title="GitLabAzureIdentityDefect",
            what="The operator meets a defect of its own at a resource.",
            why="See [InternalError](#internalerror).",
            steps=(Step("Please report it, with that part of the log", commands.OPERATOR_LOG),),
        ),
        Cause(
            key="alert-throttled",
            title="GitLabAzureIdentityThrottled",
            what="For half an hour the operator has had more to ask than Azure's rates permit.",
            why="""Everything is done, and takes longer. Many resources at once do that for a while. If Azure refuses requests
            (429) although the operator keeps to its rates, somebody else uses the same subscription: another cluster, or
            Terraform.""",
            steps=(
                Step(
                    """Give each cluster a subscription of its own for its managed identities, or lengthen `resyncInterval`
                    ([docs/settings.md](settings.md#throttle))."""
                ),
            ),
        ),
        Cause(
            key="alert-queue-grows",
            title="GitLabAzureIdentityQueueGrows",
            what="For half an hour passes have waited for a place.",
            why="""`maxConcurrent` passes run at the same time. They take longer when Azure is slow or when they wait for
            its rates ([Throttled](#gitlabazureidentitythrottled)).""",
            steps=(Step("If neither is so, raise `maxConcurrent`."),),
        ),
        Cause(
            key="alert-status-not-written",
            title="GitLabAzureIdentityStatusNotWritten",
            what="The API server refused a status.",
            why="See [StatusNotWritten](#statusnotwritten). After an upgrade the definition may be older than the operator.",
            steps=(
                Step("Look which status it was, and why it was refused", commands.OPERATOR_LOG),
                Step("If the definition is older, upgrade the chart with `crds.enabled`."),
            ),
        ),
    ),
)
