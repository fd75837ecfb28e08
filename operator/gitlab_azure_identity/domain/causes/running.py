"""Why the operator does not run, does not see a resource, or cannot be installed."""

from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Step

_LINES = (
    Case(
        sign="exit status 2",
        why="The settings cannot be used.",
        steps=(Step("The last line of the log says which field, and so does the last state of the pod."),),
    ),
    Case(
        says="cannot log in to Azure",
        why="The operator's own pod has no `AZURE_` variables.",
        steps=(Step("See [docs/azure-permissions.md#login](azure-permissions.md#login)."),),
    ),
    Case(
        says="cannot log in to the cluster",
        why="The operator runs outside a pod, and `KUBECONFIG` names no file that it can use.",
        steps=(Step("Correct `KUBECONFIG`."),),
    ),
    Case(
        says="the API server does not list {resources}",
        why="""The pod runs and does not become ready. With 404 the CRD is missing (chart value `crds.enabled`). With
        403 the operator's ClusterRole or its binding is missing (`rbac.create`).""",
        steps=(Step("Correct the chart's value. The operator then continues by itself."),),
    ),
    Case(
        sign="a line `defect` with an `exception`",
        why="It is a defect of the operator: [InternalError](#internalerror).",
    ),
)

NO_STATUS = Chapter(
    "The resource has no status at all",
    causes=(
        Cause(
            key="no-status",
            title="The operator does not run, or does not see the resource",
            what="The resource has no conditions, and `status.observedGeneration` is -1.",
            why="""That is the status that the API server shows until the operator has written one. The operator does
            not run, or does not see the resource. Its log says why:""",
            cases=_LINES,
            steps=(
                Step("Look at the operator's pods", commands.OPERATOR_PODS),
                Step("Look at its log", commands.OPERATOR_LOG),
            ),
        ),
    ),
)

NOT_INSTALLED = Chapter(
    "Helm refuses to install the operator again",
    causes=(
        Cause(
            key="ownership-metadata",
            title="The definition belongs to another release",
            what="""Helm says `invalid ownership metadata`, about CustomResourceDefinition
            `gitlabazureidentities.gitlabazure.io`.""",
            why="A release that was uninstalled kept the definition, and it still belongs to that release.",
            steps=(
                Step(
                    """Install under the former name and in the former namespace, or hand the definition over:
                    [charts/gitlab-azure-identity](../charts/gitlab-azure-identity/README.md#uninstalling) has the
                    commands."""
                ),
            ),
        ),
    ),
)
