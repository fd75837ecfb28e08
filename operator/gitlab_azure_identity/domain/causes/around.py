"""What no condition shows, and `kubectl gai doctor` sees: the pod webhook, clocks, and what changed since the operator looked."""

from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Cause, Chapter, Step

CHAPTER = Chapter(
    "What only the doctor sees",
    text="""No condition shows these. The webhook of azure-workload-identity gives each pod with the label its variables and its
    token when the pod is created. A pod that was created while the webhook could not change it must be created again.""",
    causes=(
        Cause(
            key="webhook-missing",
            title="The webhook is not registered",
            what="No MutatingWebhookConfiguration of azure-workload-identity is about the creation of pods.",
            why="Without it no pod gets an identity, whatever its label and its service account are.",
            steps=(
                Step("See which are registered", commands.SHOW_WEBHOOKS),
                Step("On AKS, enable it", commands.ENABLE_WEBHOOK),
                Step("Then restart GitLab's pods", commands.RESTART),
            ),
        ),
        Cause(
            key="webhook-excludes-namespace",
            title="The webhook leaves out the namespace",
            what="The webhook's selectors do not admit the pods of the namespace.",
            why="""The API server only asks a webhook about pods that its `objectSelector` admits, in namespaces that its
            `namespaceSelector` admits.""",
            steps=(
                Step("See the labels of the namespace", commands.SHOW_NAMESPACE_LABELS),
                Step("See the selectors", commands.SHOW_SELECTORS),
                Step("Correct the label of the namespace, or the selector."),
                Step("Then restart GitLab's pods", commands.RESTART),
            ),
        ),
        Cause(
            key="webhook-silent",
            title="The webhook does not answer",
            what="No pod of the webhook is ready.",
            why="""With `failurePolicy: Fail` the API server then creates no pod with the label. With `Ignore` it creates
            them without their variables.""",
            steps=(
                Step("See what its pods say", commands.SHOW_WEBHOOK_PODS),
                Step("When they run, restart GitLab's pods", commands.RESTART),
            ),
        ),
        Cause(
            key="changed-since",
            title="Something changed since the operator looked",
            what="A link that held at the operator's last look does not hold now.",
            why="""Somebody has removed or changed something in Azure or in the cluster. The operator looks at Azure every hour,
            at objects in the cluster every minute, and puts it right.""",
            steps=(
                Step("Ask for a look now", commands.ASK_FOR_A_PASS),
                Step("Find out who changed it: the activity log of the resource group or of the account says so."),
            ),
        ),
        Cause(
            key="clocks-apart",
            title="The clocks are apart",
            what="The clock of the API server is more than 5 minutes from Azure's.",
            why="""A token is valid between two times of the API server's clock. Entra compares them with its own, and refuses
            the token with AADSTS700024 ([TokenRejected](#tokenrejected)).""",
            steps=(Step("Set the clocks of the control plane's machines by NTP."),),
        ),
    ),
)
