"""Causes in the resource, the policy and the settings, and what keeps a deletion."""

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Step

_ANOTHER_NAME = Step("Delete the resource, and create it again with another `spec.identity.name`, which cannot change.")

_NO_TAGS = "Managed identity {identity} exists and does not carry this operator's tags"

RESOURCE = (
    Cause(
        key=Reason.NOT_PERMITTED,
        on=(Link.IDENTITY,),
        what="The operator's policy does not admit what the resource asks for.",
        why="""Nothing was written for it. A resource that the policy no longer admits keeps what it has, gets nothing
        new, and can still be deleted.""",
        cases=(
            Case(
                says="no rule of the operator's policy",
                why="""The message shows the rule to add, and says what that rule would open.""",
                steps=(
                    Step(
                        """Ask whoever runs the operator to add the rule under `policy` in the operator's settings
                        ([docs/settings.md#policy](settings.md#policy))."""
                    ),
                ),
            ),
            Case(
                says="Managed identity name {identity} is reserved",
                why="""`spec.identity.name` is the default name of another resource. No rule permits that.""",
                steps=(_ANOTHER_NAME,),
            ),
            Case(
                says="Managed identity {identity} does not exist, and the operator's policy does not let it be created",
                why="The policy only permits to adopt the identity.",
                steps=(
                    Step("Create the identity, or add its resource group to `identities.resourceGroups` of the rule."),
                ),
            ),
        ),
    ),
    Cause(
        key=Reason.NOT_CONFIGURED,
        on=(Link.IDENTITY,),
        what="A value is set neither in the resource nor in the operator's settings.",
        steps=(Step("Set it in one of the two places that the message names."),),
    ),
    Cause(
        key=Reason.NOT_OWNED,
        on=(Link.IDENTITY, Link.SERVICE_ACCOUNTS, Link.SECRETS),
        what="Something of that name exists, and the operator did not create it for this resource.",
        cases=(
            Case(
                says="Managed identity {identity} exists and belongs to",
                why="The managed identity belongs to another resource, whose storage this one would reach.",
                steps=(_ANOTHER_NAME,),
            ),
            Case(
                says=_NO_TAGS,
                why="Somebody else created it.",
                steps=(
                    _ANOTHER_NAME,
                    Step(
                        """Or let the resource use the identity: add its id to `identities.adopt` of the policy.
                        Service accounts of the resource's namespace then have every right that the identity has."""
                    ),
                ),
            ),
            Case(
                says=_NO_TAGS,
                sign="The same, and `status.identity.origin` is `Created`",
                why="The operator created the managed identity, and somebody removed its tags.",
                steps=(
                    Step(
                        """Make sure that the identity is this resource's: its name is the default one or
                        `spec.identity.name`, and all its credentials have subjects of the resource's service accounts""",
                        commands.LIST_CREDENTIALS,
                    ),
                    Step("Then restore the tags", commands.RESTORE_TAGS),
                ),
            ),
            Case(
                says="is written by",
                why="""The secret has an owner, or marks of External Secrets Operator, Flux, Argo CD or Helm, which would put
                back what the operator changes in it.""",
                steps=(
                    Step(
                        """Take the access key out where the tool has it from. When the secret says what the resource says,
                        the operator has nothing to change in it ([in place](migrating.md#in-place))."""
                    ),
                    Step(
                        """Or let the operator write a secret of its own: give it another name under `spec.secrets`
                        ([with new secrets](migrating.md#with-new-secrets))."""
                    ),
                ),
            ),
            Case(
                says="To hand {it} over",
                why="Somebody else created the secret, config map or service account.",
                steps=(
                    Step("Hand it over", commands.HAND_OVER),
                    Step(
                        """Or delete it, or choose another name. For a service account that Helm creates, use
                        `management: Annotate` instead."""
                    ),
                ),
            ),
        ),
    ),
    Cause(
        key=Reason.SHARED_IDENTITY,
        on=(Link.IDENTITY,),
        what="The adopted managed identity also trusts somebody whom the policy does not name.",
        why="""Whoever that is would reach GitLab's storage, so nothing is granted to the identity. What it had before
        stays. The message names the subject and the federated credential.""",
        steps=(
            Step("List the credentials of the identity", commands.LIST_CREDENTIALS),
            Step(
                """If that subject may reach the storage, name its namespace under `identities.sharedWith`, in the rule of the
                policy that adopts the identity ([docs/settings.md#policy](settings.md#policy))."""
            ),
            Step("If nobody needs the credential, delete it", commands.DELETE_CREDENTIAL),
            Step("Otherwise give GitLab an identity of its own."),
        ),
    ),
    Cause(
        key=Reason.ISSUER_UNKNOWN,
        on=(Link.IDENTITY,),
        what="The operator could not learn the issuer of the cluster's tokens.",
        steps=(
            Step("Look at what the cluster says", commands.SHOW_ISSUER),
            Step(
                "Its `issuer` must be an https address that Entra can reach. On AKS, enable it", commands.ENABLE_ISSUER
            ),
            Step("Or name the issuer in the operator's setting `issuer`, to the letter, trailing slash included."),
        ),
    ),
)

RELEASE = (
    Cause(
        key=Reason.VERSION_UNSUPPORTED,
        on=(Link.SECRETS,),
        what="`spec.gitlab.version` names a release of GitLab that cannot use a managed identity, or pods are of one.",
        why="""The message says what it lacks. Secrets and Helm values are written all the same, but GitLab cannot use
        them. An access key in a secret that was handed over stays. [What is known of
        releases](resource.md#releases-of-gitlab).""",
        steps=(Step("Upgrade GitLab to 17.9 (chart 8.9) or newer, then say the new version in the resource."),),
    ),
)

DELETION = (
    Cause(
        key=Reason.SUSPENDED,
        on=(READY,),
        what="`spec.suspend` is true.",
        why="""Nothing is looked at or changed, and the other conditions are those of the last pass. A deletion is
        still carried out.""",
        steps=(Step("To go on", commands.RESUME),),
    ),
    Cause(
        key=Reason.DELETION_BLOCKED,
        on=(READY,),
        what="The resource is being deleted, and the operator cannot remove something.",
        why="""Mostly the operator has lost a right. The message names the obstacle. Remove it, and the deletion
        continues within 15 seconds.

        A storage account that was deleted before the resource takes its role assignments with it. Where Azure says
        that the account does not exist, the deletion goes on. To somebody whose rights were on the account alone Azure
        says no more than that he has none. Then the deletion goes on when the account's host has been unknown for an
        hour, and the event [LeftBehind](#leftbehind) names the role assignments that count as deleted.""",
        steps=(
            Step(
                "To let the resource go and leave everything where it is, in Azure and in the cluster", commands.ABANDON
            ),
            Step(
                """Then remove the rest by hand: the identity, its role assignments (their description is
                `gitlabazure.io/owner=<cluster>/<namespace>/<name>`), and objects with the label
                `gitlabazure.io/owner`."""
            ),
        ),
    ),
    Cause(
        key=Reason.REMOVED,
        on=tuple(Link),
        what="The deletion has removed it, or a part of it.",
        why="""The resource is being deleted, and the deletion waits for something else: see Ready. The message says
        what is left. The lists of the status, such as `status.roleAssignments`, no longer have what was removed.""",
    ),
)
