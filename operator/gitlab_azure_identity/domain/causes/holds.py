"""Reasons that are no failure, and those of events."""

from gitlab_azure_identity.api.conditions import READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Step

NOT_A_FAILURE = Chapter(
    "Not a failure",
    causes=(
        Cause(key=Reason.READY, on=(READY,), what="Everything holds."),
        Cause(
            key=Reason.CREATED,
            on=(Link.IDENTITY,),
            what="The operator created the managed identity, and deletes it with the resource.",
        ),
        Cause(
            key=Reason.ADOPTED,
            on=(Link.IDENTITY,),
            what="Somebody else created the managed identity, and the policy lets the resource use it.",
            why="The operator never changes or deletes the identity or its tags.",
        ),
        Cause(
            key=Reason.OBSERVED,
            on=(Link.IDENTITY,),
            what="The managed identity exists, and somebody else manages it: `identity.management` is `Observe`.",
            why="""The operator writes neither the identity nor its federated credentials, and leaves both when the
            resource is deleted.""",
        ),
        Cause(
            key=Reason.PROVEN,
            on=(Link.CREDENTIALS, Link.ROLES),
            what="Somebody else manages the federated credentials or the roles, and [access works](resource.md#observe).",
            why="""The operator does not see what it looks for. A role above the storage account, a role of a group or one of
            another name may give access, for example.""",
        ),
        Cause(
            key=Reason.FEDERATED,
            on=(Link.CREDENTIALS,),
            what="Every service account has its federated credential.",
        ),
        Cause(
            key=Reason.ASSIGNED,
            on=(Link.ROLES,),
            what="The role assignments exist.",
            cases=(
                Case(
                    says="Former role assignments stay on record",
                    why="""The resource used another storage account before, and the operator can no longer read it. It
                    may have been deleted: Azure gives the same answer for both. It blocks nothing now, but the
                    resource's deletion will need the right to read the account.""",
                    steps=(
                        Step(
                            """Before that, grant the operator's identity `Reader` on the account's resource group,
                            until the record no longer has these assignments."""
                        ),
                    ),
                ),
            ),
        ),
        Cause(
            key=Reason.ANNOTATED,
            on=(Link.SERVICE_ACCOUNTS,),
            what="The service accounts are annotated with client ID and tenant ID of the managed identity.",
            why="""Without the annotation of the tenant the pod webhook would give pods its own default tenant, which
            may be another.""",
        ),
        Cause(key=Reason.WRITTEN, on=(Link.SECRETS,), what="The secrets and the Helm values are written."),
        Cause(
            key=Reason.VERIFIED,
            on=(Link.ACCESS,),
            what="Access was proven, with a token of each service account and without writing anything.",
            why="It is proven again at every resync. [What is attempted](resource.md#what-proves-access).",
        ),
        Cause(
            key=Reason.DISABLED,
            on=(Link.SECRETS, Link.ACCESS),
            what="`verification: Disabled`: access is not checked, and AccessVerified stays `Unknown`.",
            cases=(
                Case(
                    says="keeps its access key",
                    why="A secret that was handed over loses its access key only when access is proven.",
                    steps=(Step("Set `verification` to `Required` or `Report`."),),
                ),
            ),
        ),
        Cause(
            key=Reason.CURRENT,
            on=(Link.WORKLOADS,),
            what="GitLab's pods carry the identity, and have read what the secrets say now.",
        ),
        Cause(
            key=Reason.NOT_DEPLOYED,
            on=(Link.WORKLOADS,),
            what="The release has no pods that use storage.",
            why="""GitLab is not installed yet, or in another namespace, or under another name, which `spec.gitlab.release`
            must then have.""",
            steps=(Step("See the names of the releases", commands.LIST_RELEASES),),
        ),
        Cause(
            key=Reason.UNVERIFIED,
            what="For a container in `status.containers`: access to it was not tried.",
            why="An earlier link does not hold, or verification is disabled.",
        ),
    ),
)

EVENTS = Chapter(
    "Events",
    causes=(
        Cause(key=Reason.APPLIED, what="A pass wrote what the resource asked for.", why="The message lists it."),
        Cause(
            key=Reason.ACCESS_KEY_REMOVED,
            what="Secrets that were handed over have no access key any more.",
            why="""The message names the secrets and their settings, and no value. Pods use the key that they started with
            until they are restarted, and the key itself is valid until you
            [switch keys off](migrating.md#with-new-secrets).""",
            steps=(Step("Restart GitLab's pods", commands.RESTART),),
        ),
        Cause(
            key=Reason.DRIFT_REPAIRED,
            what="Somebody else changed or removed something, and the operator restored it.",
            why="""The message lists it. If it happens again and again, somebody else manages the same object.""",
            steps=(
                Step(
                    "Find out who: in Azure's activity log, or in `metadata.managedFields` of the object",
                    commands.SHOW_FIELDS,
                ),
            ),
        ),
        Cause(
            key=Reason.CLIENT_ID_CHANGED,
            what="The resource has another managed identity than before.",
            why="""Somebody deleted the former one, or it was created again elsewhere. The service accounts have the
            new client ID, and pods that ran before have the former one.""",
            steps=(Step("Restart GitLab's pods. With a Helm release named `gitlab`", commands.RESTART),),
        ),
        Cause(
            key=Reason.IDENTITY_PINNED,
            what="The operator's defaults changed, and the identity stays where it was created.",
            steps=(Step("To move it, delete the resource and create it again."),),
        ),
        Cause(
            key=Reason.CLUSTER_NOT_UNIQUE,
            what="Two clusters have the same setting `cluster`, and both use one identity.",
            why="""The identity that the operator created has a federated credential for the same resource with another
            cluster's issuer.""",
            steps=(
                Step(
                    """Give one of the clusters another name: delete its resources with `deletionPolicy: Retain`,
                    change the setting, and create the resources again."""
                ),
            ),
        ),
        Cause(
            key=Reason.LINGERING,
            what="Something that is no longer wanted could not be removed.",
            why="""It may be a role on a former storage account that a lock keeps. Everything that is wanted stands, so
            Ready does not depend on it. `status.lingering` lists it, with what Azure or the API server said, until it
            is gone. The removal is tried again, every 10 minutes at most.""",
            steps=(
                Step(
                    "A role that lingers is a right that the identity should no longer have: do what the message says."
                ),
            ),
        ),
        Cause(
            key=Reason.LEFT_BEHIND,
            what="The resource was deleted, and something that its status records stays.",
            why="The message says what, and why.",
            steps=(Step("Find out whose it is before you delete it: somebody may have written the status by hand."),),
        ),
        Cause(
            key=Reason.RESTARTED,
            what="The operator restarted a Deployment of GitLab, as `spec.gitlab.restart: WhenStale` asks.",
            why="""The event says what its pods lacked. It is not restarted again for that:
            [docs/resource.md](resource.md#gitlabs-pods).""",
        ),
        Cause(key=Reason.RETAINED, what="The resource was deleted with `deletionPolicy: Retain`: everything stays."),
        Cause(key=Reason.ABANDONED, what="The resource was let go by annotation: everything that was left stays."),
        Cause(
            key=Reason.KNOWN_DEFECT,
            what="The release of GitLab in `spec.gitlab.version` has a defect that concerns its storage.",
            why="""SecretsWritten has the same sentence, and Ready does not depend on it. [What is known of
            releases](resource.md#releases-of-gitlab).""",
            steps=(
                Step("For the 401 of GitLab before 19.3, restart its pods daily until the upgrade", commands.RESTART),
            ),
        ),
        Cause(
            key=Reason.STATUS_NOT_WRITTEN,
            what="The API server refused the status: it is too long, or something in it is not valid.",
            why="""The message quotes the API server. The status was written without its messages. Type, status and
            reason of each condition are true. The messages are in the operator's log, after `messages of the refused
            status`.""",
            steps=(Step("Please report them: this is a defect of the operator", commands.OPERATOR_LOG),),
        ),
    ),
)
