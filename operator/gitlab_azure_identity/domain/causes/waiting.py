"""What passes by itself, and when it does not."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Cause, Chapter, Step

_AZURE = (Link.IDENTITY, Link.CREDENTIALS, Link.ROLES)

CHAPTER = Chapter(
    "No person must act",
    text="The operator tries again by itself. Each wait has a limit, after which the condition is `False`.",
    causes=(
        Cause(
            key=Reason.PROPAGATING,
            on=(Link.ACCESS,),
            what="A new role or credential is not known to every part of Azure yet.",
            why="""A role mostly takes up to 10 minutes, at times 30; a credential takes several. The operator tries
            access again and again. After the setting `propagationLimit` (40 minutes) it reports
            [TokenRejected](#tokenrejected) or [AccessDenied](#accessdenied).""",
        ),
        Cause(
            key=Reason.PRINCIPAL_NOT_FOUND,
            on=(Link.ROLES,),
            what="A new identity is not known everywhere in Entra yet.",
            why="This takes seconds.",
            steps=(
                Step(
                    """After 3 minutes RolesAssigned is `False`: check that the identity is in the tenant of the
                    storage account's subscription. If it is, delete the identity, and the operator creates it again."""
                ),
            ),
        ),
        Cause(
            key=Reason.NOT_KNOWN_YET,
            on=_AZURE,
            what="Azure does not know everywhere yet what it has just confirmed or shown.",
            why="""It answers 404 to a request below an identity, a resource group or a storage account that was there
            a moment ago. That takes seconds, at times 2 minutes.""",
            steps=(Step("After 5 minutes the condition is `False`: check that the object exists."),),
        ),
        Cause(
            key=Reason.OPERATION_IN_PROGRESS,
            on=(*_AZURE, Link.ACCESS),
            what="Another operation in Azure is in the way.",
            why="""Azure answered 409, 412, 423 or 424, for example because somebody else writes credentials of the
            same identity.""",
            steps=(
                Step("""After 10 minutes the condition is `False`: look for the other operation in the activity log of
                the resource group."""),
            ),
        ),
        Cause(
            key=Reason.BEING_DELETED,
            on=(*_AZURE, Link.ACCESS),
            what="The resource group, or a container of the name that is to be created, is being deleted.",
            why="""The operator waits until it is gone. Azure frees the name of a container half a minute or more after
            its deletion.""",
            steps=(
                Step("After 30 minutes the condition is `False`: create the group again, or correct its name."),
                Step("For a container that is so after 10 minutes: use another name."),
            ),
        ),
        Cause(
            key=Reason.SIGNING_KEY_UNKNOWN,
            on=(*_AZURE, Link.ACCESS),
            what="Entra does not know the key that signed the cluster's token.",
            why="""After a rotation of the cluster's keys that takes minutes. The keys that the cluster's issuer
            publishes (`jwks_uri` of `<issuer>/.well-known/openid-configuration`) must contain the key that the API
            server signs with.""",
            steps=(
                Step(
                    "After 15 minutes the condition is `False`: compare the published keys with those of the API server",
                    commands.SHOW_KEYS,
                ),
            ),
        ),
        Cause(
            key=Reason.PROGRESSING,
            on=tuple(Link),
            what="A change is being made.",
            why="The operator reads again within seconds.",
        ),
        Cause(
            key=Reason.PENDING,
            on=tuple(Link),
            what="Another link of the chain must hold first.",
            steps=(Step("Look at the condition that the message names."),),
        ),
        Cause(
            key=Reason.THROTTLED,
            on=(*_AZURE, Link.ACCESS),
            what="Azure limits the rate of requests.",
            why="""The operator waits as long as Azure asks. With many resources at once, see the setting
            [throttle](settings.md#throttle).""",
        ),
        Cause(
            key=Reason.AZURE_UNAVAILABLE,
            on=(*_AZURE, Link.ACCESS),
            what="Azure failed to answer: a time-out, a broken connection, an error on its side.",
            why="""The operator tries again, after 5 minutes at most. A resource that was Ready stays so until this has
            happened three times in a row, or for 15 minutes. Until then an event reports it, and the metric
            `gitlab_azure_identity_transient_failures_total` counts it.""",
            steps=(
                Step("If it lasts, check the operator's egress: network rules, proxy, DNS, certificate authorities."),
            ),
        ),
        Cause(
            key=Reason.ISSUER_UNREACHABLE,
            on=(*_AZURE, Link.ACCESS),
            what="Entra could not fetch the documents of the cluster's issuer, and so could not check a token.",
            why="""Mostly this is an outage that ends by itself; outages of hours were reported. The operator tries
            again, and treats it as [AzureUnavailable](#azureunavailable).""",
            steps=(
                Step(
                    """If it lasts, check from outside that `<issuer>/.well-known/openid-configuration` and the address
                    in its `jwks_uri` answer: Entra reaches public addresses only."""
                ),
            ),
        ),
        Cause(
            key=Reason.CLUSTER_UNAVAILABLE,
            on=(Link.IDENTITY, Link.SERVICE_ACCOUNTS, Link.SECRETS, Link.ACCESS, Link.WORKLOADS),
            what="The API server failed to answer, or did not accept the operator's own token.",
            why="The operator tries again as for [AzureUnavailable](#azureunavailable).",
        ),
        Cause(
            key=Reason.INTERNAL_ERROR,
            on=(Link.IDENTITY,),
            what="An unexpected error: a defect of the operator.",
            why="""The message has it in one line. The operator's log has the details, at the time that the message
            names. Other resources are not affected. This one is tried again, after 5 minutes at most, and nothing of
            it is changed meanwhile.""",
            steps=(Step("Please report it, with that part of the log", commands.OPERATOR_LOG),),
        ),
    ),
)
