"""What the cluster's API server refuses."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Step

CHAPTER = Chapter(
    "Refusals by the cluster",
    on=(Link.IDENTITY, Link.SERVICE_ACCOUNTS, Link.SECRETS, Link.ACCESS, Link.WORKLOADS),
    words="any refusal by the cluster",
    text="""Every message quotes the API server. IdentityReady shows such a refusal where it concerns the resource
    itself, AccessVerified where it concerns a token, and WorkloadsReady where it concerns GitLab's pods.""",
    causes=(
        Cause(
            key=Reason.FORBIDDEN,
            what="The operator lacks a right in this namespace.",
            cases=(
                Case(
                    says="in the values of its Helm chart, and upgrade the chart",
                    why="Mostly the namespace is not among those of the operator's chart.",
                    steps=(Step("Add it to `namespaces` in the operator's Helm values, and upgrade the chart."),),
                ),
                Case(
                    says="set restart.enabled to true",
                    why="""The resource has `gitlab.restart: WhenStale`, and the operator may not restart Deployments, since
                    `restart.enabled` of the chart is false.""",
                    steps=(Step("Set it in the operator's Helm values, or take `restart` from the resource."),),
                ),
                Case(
                    says="set verification.enabled to true",
                    why="""The operator may not create tokens, since `verification.enabled` of the chart is false, or
                    since the namespace is not in `namespaces`.""",
                    steps=(
                        Step(
                            "Set both in the operator's Helm values. Or set `verification: Disabled` in the resource."
                        ),
                    ),
                ),
            ),
        ),
        Cause(
            key=Reason.ADMISSION_REFUSED,
            what="An admission policy, webhook or plugin of the cluster refused an object.",
            why="""It may be a service account, a secret or a config map, or the operator's finalizer on the resource,
            without which nothing is created.""",
            steps=(
                Step(
                    """Change what the policy or webhook objects to, or make an exception there for objects with the
                    label `gitlabazure.io/owner`."""
                ),
            ),
        ),
        Cause(
            key=Reason.QUOTA_EXCEEDED,
            what="A ResourceQuota of the namespace is used up.",
            why="""Mostly it is `count/secrets`. The message names the quota. The operator needs up to three secrets
            and one config map for each resource.""",
            steps=(
                Step("See what is used", commands.SHOW_QUOTAS),
                Step("Raise the quota, or remove what is not used."),
            ),
        ),
        Cause(
            key=Reason.IMMUTABLE,
            what="A secret or config map has `immutable: true`, so its content cannot be corrected.",
            cases=(
                Case(
                    says="Delete it, and the operator creates it again",
                    why="The operator created it.",
                    steps=(Step("Delete it, and the operator creates it again", commands.DELETE_OBJECT),),
                ),
                Case(
                    says="so nothing in it can be changed",
                    why="""Somebody [handed the secret over](migrating.md#in-place). What else they wrote into it would be lost
                    if it were only deleted.""",
                    steps=(Step("Create it anew without that", commands.WITHOUT_IMMUTABLE),),
                ),
            ),
            steps=(Step("Find out who makes objects immutable, such as a policy engine."),),
        ),
        Cause(
            key=Reason.INVALID,
            what="The API server refused an object.",
            why="The message names the field.",
            steps=(
                Step(
                    """Compare the field with the spec. If it has nothing to do with the spec, this is a defect of the
                    operator: please report it."""
                ),
            ),
        ),
        Cause(
            key=Reason.NAMESPACE_TERMINATING,
            what="The namespace is being deleted, and admits no new objects.",
            why="Azure is still cleaned up.",
        ),
    ),
)
