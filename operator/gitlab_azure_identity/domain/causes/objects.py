"""Causes in other objects, in Azure and in the cluster."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Step

OBJECTS = (
    Cause(
        key=Reason.FIELD_CONFLICT,
        on=(Link.SERVICE_ACCOUNTS, Link.SECRETS),
        what="Another field manager owns a field that the operator must set.",
        why="""Mostly it is the annotation `azure.workload.identity/client-id` or `azure.workload.identity/tenant-id`
        of a service account with `management: Annotate`. The message names the manager.""",
        steps=(
            Step(
                """Remove the field there, for example in the chart's values, so that only one of the two manages it.
                Do so too if its value is right. This shows which manager owns which field""",
                commands.SHOW_FIELDS,
            ),
        ),
    ),
    Cause(
        key=Reason.NOT_FOUND,
        on=tuple(Link),
        what="Something that somebody else creates does not exist.",
        cases=(
            Case(
                says="somebody else has to add what is missing",
                why="""The managed identity, a federated credential or a role assignment is missing, and
                `identity.management` or `roleAssignments.management` is `Observe`. A credential whose issuer differs
                by one character, such as the slash at the end, is of no use: the message names it. The operator sees
                within 10 minutes what was added. Access works when Azure knows it everywhere.""",
                steps=(
                    Step(
                        "Add it with the `az` command in the message. For Terraform, this shows the blocks",
                        commands.SHOW_TERRAFORM,
                    ),
                ),
            ),
            Case(
                says="With management: Annotate somebody else creates it",
                why="""A service account with `management: Annotate` does not exist. Somebody else creates it, such as
                the GitLab chart. The operator annotates it within a minute after it appears.""",
                steps=(Step("Install the chart that creates it, or use `management: Manage`."),),
            ),
            Case(
                says="It is read again",
                why="""The API server answered that the object, or its namespace, does not exist. Nobody needs to do
                anything yet.""",
            ),
            Case(
                says="For 5 minutes the operator could not {do_it}",
                why="The API server still answers so.",
                steps=(Step("Check that the namespace exists, and find out who deletes the object."),),
            ),
            Case(
                says="because an id in it leads nowhere",
                why="An id in a request to Azure leads nowhere. The message quotes Azure.",
                steps=(Step("Check the part of the spec that the message names."),),
            ),
        ),
    ),
    Cause(
        key=Reason.LIMIT_EXCEEDED,
        on=(Link.IDENTITY, Link.CREDENTIALS, Link.ROLES),
        what="Azure's limit on the number of such objects is reached.",
        cases=(
            Case(
                says="federated credentials, and Azure allows",
                why="""A managed identity takes 20 federated credentials. The operator writes either all of them or
                none.""",
                steps=(Step("Use fewer service accounts, or another identity."),),
            ),
            Case(
                says="4000 role assignments",
                why="""A subscription takes 4000 role assignments.""",
                steps=(
                    Step(
                        """Remove unused ones. Those that say `Identity not found` in the portal remain from deleted
                        identities."""
                    ),
                ),
            ),
            Case(
                says="A limit of Azure is reached",
                why="It is any other limit or quota. The message quotes Azure.",
                steps=(Step("Remove what is not used, or ask Azure for more."),),
            ),
        ),
    ),
    Cause(
        key=Reason.CONFLICT,
        on=(Link.IDENTITY, Link.CREDENTIALS, Link.ROLES, Link.SERVICE_ACCOUNTS, Link.SECRETS),
        what="Another object is in the way, or somebody reverts what the operator writes.",
        cases=(
            Case(
                says="already trusts subject",
                why="""Somebody created a federated credential by hand, for the same issuer and subject and another
                audience. Azure allows one such pair for each identity.""",
                steps=(Step("Remove the credential that the message names", commands.DELETE_CREDENTIAL),),
            ),
            Case(
                says="Another role assignment has the name of ours",
                why="A role assignment of another principal or role has the name of ours.",
                steps=(Step("Remove that one. The message quotes Azure."),),
            ),
            Case(
                says="It is read again",
                why="""An object in the cluster changed while the operator wrote it. Nobody needs to do anything yet.""",
            ),
            Case(
                says="For 5 minutes the operator could not {do_it}",
                why="The object keeps changing.",
                steps=(Step("Find out who else changes it", commands.SHOW_FIELDS),),
            ),
            Case(
                says="does not stay as it is written",
                why="""Something reverts at once what the operator writes: a webhook, a policy engine or another
                operator.""",
                steps=(Step("Make an exception there for objects with the label `gitlabazure.io/owner`."),),
            ),
        ),
    ),
)
