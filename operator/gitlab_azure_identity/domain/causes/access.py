"""Causes in what Entra and the storage account let the identity do."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.entra import REFUSALS
from gitlab_azure_identity.domain.causes.model import Case, Cause, Step

ACCESS = (
    Cause(
        key=Reason.ACCESS_DENIED,
        on=(Link.ACCESS,),
        what="Entra gave a token, and Blob Storage refused a part of what GitLab does.",
        why="""A role that was assigned just now would be waited for. The message says what is allowed and what is refused,
        and quotes Azure.""",
        cases=(
            Case(
                says="since a role is missing",
                why="""`roleAssignments.management` is `Observe`, and nobody has assigned what RolesAssigned names.""",
                steps=(Step("Add it with the command that RolesAssigned shows."),),
            ),
            Case(
                says="may not overwrite in",
                why="""`blobs/write` is taken away, and `blobs/add/action` is not. New blobs can be written, and those that
                exist cannot be replaced.""",
                steps=(
                    Step(
                        """Look in the list below for a condition, and in the portal, under Access control (IAM) of the
                        account, for a deny assignment."""
                    ),
                ),
            ),
            Case(
                says="may {rights}, may not {others} in",
                why="""A condition on a role assignment or a deny assignment takes away a part of the role.""",
                steps=(
                    Step(
                        """RolesAssigned tells of a condition, and the list below shows it. Deny assignments are in the
                        portal, under Access control (IAM) of the account."""
                    ),
                ),
            ),
            Case(
                says="may not list, read, write or delete in",
                why="The role is not in effect in that container at all.",
                steps=(Step("Look in the list below for a role whose scope is the container or its account."),),
            ),
            Case(
                says="may not sign addresses",
                why="""The identity lacks
                `Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action` at the account.
                GitLab signs every address with such a key. A role at a container does not give this right.""",
                steps=(
                    Step(
                        """Look in the list below for `Storage Blob Delegator` or `Storage Blob Data Contributor` at
                        the account itself."""
                    ),
                ),
            ),
            Case(
                says="does not accept tokens of the managed identity's tenant",
                why="The account's subscription belongs to another Entra tenant.",
                steps=(Step("Use an account whose subscription belongs to the identity's tenant."),),
            ),
            Case(
                says="The operator does not know this answer",
                why="The message has Azure's code, status and text.",
                steps=(Step("Look the code up in Azure's documentation of Blob Storage."),),
            ),
            Case(
                says="has no code of Azure",
                why="Something on the way to Blob Storage answered, such as a proxy.",
                steps=(Step("Check the operator's egress."),),
            ),
        ),
        steps=(
            Step("Check that `status.roleAssignments` names the account that you mean."),
            Step(
                """List every role of the identity in the subscription, those on containers too. This does not ask
                Microsoft Graph""",
                commands.LIST_ROLES,
            ),
        ),
    ),
    Cause(
        key=Reason.TOKEN_REJECTED,
        on=(Link.ACCESS,),
        what="Entra refused the service account's token.",
        why="The code in brackets says why:",
        columns=("Code", "Why", "What to do"),
        cases=(
            *(Case(says=code, why=refusal.why, steps=(Step(refusal.check),)) for code, refusal in REFUSALS.items()),
            Case(
                says="login.microsoftonline.com/error",
                why="The code is another one.",
                steps=(Step("The message has the address where Microsoft explains it."),),
            ),
            Case(
                says="has no code of Entra",
                why="Something on the way to Entra answered, such as a proxy.",
                steps=(Step("Check the operator's egress."),),
            ),
        ),
        steps=(
            Step("Look at the identity's credentials", commands.LIST_CREDENTIALS),
            Step(
                """Documents of the issuer that Entra cannot fetch, and a key that it does not know, mostly pass by themselves:
                they are reported as [IssuerUnreachable](#issuerunreachable) and [SigningKeyUnknown](#signingkeyunknown)."""
            ),
        ),
    ),
    Cause(
        key=Reason.ISSUER_MISMATCH,
        on=(Link.ACCESS,),
        what="The cluster's tokens have another issuer than the federated credentials trust.",
        why="""The credentials trust the issuer of the operator's setting `issuer`. Entra compares issuers to the
        letter, trailing slash included. Credentials with a former issuer stay until the setting is right.""",
        steps=(
            Step("Correct the setting. This shows the cluster's issuer", commands.SHOW_ISSUER),
            Step("Or remove the setting: the operator then asks the cluster."),
        ),
    ),
    Cause(
        key=Reason.NETWORK_BLOCKED,
        on=(Link.ACCESS,),
        what="The storage account does not answer the cluster.",
        cases=(
            Case(
                says="has its public network access disabled, and no private endpoint",
                why="Nothing can reach the account.",
                steps=(
                    Step(
                        """Make a private endpoint for the cluster's network, and approve it. Or allow public access
                        again."""
                    ),
                ),
            ),
            Case(
                says="refused to let the operator",
                why="The account's firewall refused (`AuthorizationFailure`).",
                steps=(Step("Use a private endpoint, or allow the cluster's subnet", commands.ALLOW_SUBNET),),
            ),
            Case(
                says="Could not reach storage account",
                why="No connection was made at all. The operator tries again by itself.",
                steps=(
                    Step(
                        """Check the account's name, DNS (with a private endpoint: the zone
                        `privatelink.blob.core.windows.net`), egress rules, network policies and proxy (chart value
                        `azure.proxy`)."""
                    ),
                ),
            ),
        ),
        steps=(
            Step(
                """The operator sends its requests from its own pod, GitLab from its pods. With different egress rules
                one may be blocked and the other not. If only the operator is blocked, set `verification: Report`."""
            ),
        ),
    ),
)
