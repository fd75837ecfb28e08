"""What Azure's Resource Manager refuses, and the operator's own login."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Step

CHAPTER = Chapter(
    "Refusals by Azure",
    on=(Link.IDENTITY, Link.CREDENTIALS, Link.ROLES),
    words="any refusal by Azure",
    text="Every message quotes Azure. It names the code where the operator does not know it.",
    causes=(
        Cause(
            key=Reason.AUTHORIZATION_FAILED,
            what="""The operator's identity lacks a right, or the resource group or storage account does not exist.""",
            why="""Azure gives the same answer in both cases to somebody without rights there, so check the name first.""",
            steps=(
                Step(
                    """Grant the role at the scope that the message names:
                    [docs/azure-permissions.md](azure-permissions.md) has the commands. A new role mostly takes up to
                    10 minutes, at times 30."""
                ),
                Step(
                    """If the role is assigned, check its condition: it must permit both roles that the operator
                    assigns. Azure then mentions an `ABAC condition`."""
                ),
            ),
        ),
        Cause(
            key=Reason.AUTHENTICATION_FAILED,
            what="The operator itself could not log in to Azure.",
            why="""What passes by itself has other reasons: [AzureUnavailable](#azureunavailable),
            [IssuerUnreachable](#issuerunreachable), [SigningKeyUnknown](#signingkeyunknown).""",
            cases=(
                Case(
                    says="the federated credential of the operator's own identity",
                    why="""Entra does not know the operator's client ID or federated credential: it is missing, does not fit,
                    or is new. Entra takes minutes to know a new one.""",
                    steps=(
                        Step(
                            "Compare it: [docs/azure-permissions.md#login](azure-permissions.md#login) has the commands."
                        ),
                    ),
                ),
                Case(
                    says="has no code of Entra",
                    why="Something on the way to Entra answered, such as a proxy.",
                    steps=(Step("Check the operator's egress."),),
                ),
                Case(
                    says="The operator could not log in to Azure to",
                    why="Entra refused the operator's token for another cause. The message has its code.",
                    steps=(Step("The message says what to check, or where Microsoft explains the code."),),
                ),
                Case(
                    says="Azure did not accept the operator's token, twice",
                    why="Azure refused two tokens in a row, the second of them new.",
                    steps=(Step("Check the sign-in logs of the operator's identity in Entra."),),
                ),
            ),
        ),
        Cause(
            key=Reason.WRONG_TENANT,
            what="The operator's identity is in another tenant than the subscription.",
            why="""Azure's text names both. One operator serves one tenant. After a subscription was transferred to
            another tenant, Azure may take an hour to know it.""",
            steps=(
                Step(
                    """Give the operator an identity in the tenant of the subscription. Or correct the subscription in the
                    resource or in the operator's defaults. `spec.azure.subscriptionId` cannot change: delete the
                    resource, and create it again."""
                ),
            ),
        ),
        Cause(
            key=Reason.DENY_ASSIGNMENT,
            what="A deny assignment forbids the request, whatever roles the operator has.",
            why="Azure's text names it. Deployment stacks and managed applications create them.",
            steps=(Step("Find out who created this one, and have the operator's identity excluded."),),
        ),
        Cause(
            key=Reason.REQUEST_DISALLOWED_BY_POLICY,
            what="An Azure Policy forbids the request.",
            why="""The message quotes Azure, and names the policy, its initiative and its assignment.""",
            steps=(
                Step(
                    """If it requires tags, set `spec.azure.tags`. If it permits only certain regions, set
                    `spec.azure.location`. Otherwise ask whoever assigned it."""
                ),
            ),
        ),
        Cause(
            key=Reason.SCOPE_LOCKED,
            what="A lock on the resource group or the storage account forbids the request.",
            why="""Under a `CannotDelete` lock the operator can create, but not delete. What it cannot delete
            [lingers](#lingering), and Ready does not depend on it.""",
            steps=(Step("Find the lock, and remove it", commands.LIST_LOCKS),),
        ),
        Cause(
            key=Reason.SUBSCRIPTION_DISABLED,
            what="The subscription is disabled, and so read only.",
            why="Its payment, its spending limit or its end is the cause.",
            steps=(Step("Have it enabled again by whoever pays for it. The operator continues by itself."),),
        ),
        Cause(
            key=Reason.REGION_NOT_SUPPORTED,
            on=(Link.CREDENTIALS,),
            what="Azure does not offer what is needed in the region of the managed identity.",
            why="""Some regions have no federated credentials, and some take no new resources. Without a federated
            credential the identity is of no use, so no role is assigned and nothing is written in the cluster.""",
            steps=(
                Step(
                    """The region cannot change: delete the resource, and create it again with another
                    `spec.azure.location`. The storage account may stay where it is."""
                ),
            ),
        ),
        Cause(
            key=Reason.MISSING_SUBSCRIPTION_REGISTRATION,
            what="The subscription does not know a resource provider yet.",
            why="""While the provider is being registered the condition is `Unknown`, and nobody needs to do anything.
            After 30 minutes it is `False`.""",
            steps=(Step("Register it once. The message names it", commands.REGISTER),),
        ),
        Cause(
            key=Reason.INVALID_SPEC,
            on=(Link.IDENTITY,),
            what="The spec does not fit the operator's schema, although the API server admitted it.",
            why="""The cluster's CRD is older than the operator, or was when the resource was applied. The message
            names each field. Nothing is done for the resource, and its deletion waits.""",
            steps=(
                Step(
                    """Upgrade the chart with its CRD, then apply the resource again. The API server then names each
                    field that the spec must no longer have, such as a tag key that Azure refuses."""
                ),
            ),
        ),
        Cause(
            key=Reason.INVALID_AZURE_REQUEST,
            what="Azure did not understand the form of a request.",
            why="This is a defect of the operator.",
            steps=(Step("Please report it with the message."),),
        ),
        Cause(
            key=Reason.REFUSED_BY_AZURE,
            on=(Link.ACCESS,),
            what="Azure refused a request with an answer that the operator does not know.",
            why="The message has its code, its status and its text. The operator tries again every 10 minutes.",
            steps=(
                Step("Look the code up in Azure's documentation."),
                Step(
                    """An answer without a code is not Azure's: check whether something on the way gave it, such as a
                    proxy."""
                ),
            ),
        ),
    ),
)
