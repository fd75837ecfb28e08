"""Causes in secrets with access keys that somebody handed over."""

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.causes.model import Case, Cause, Step

_OWN_SECRET = Step(
    """Or let the operator write a secret of its own: give it another name under `spec.secrets`
    ([with new secrets](migrating.md#with-new-secrets))."""
)

KEYS = (
    Cause(
        key=Reason.AWAITING_WORKLOADS,
        on=(Link.SECRETS,),
        what="A secret that was handed over keeps its access key: pods that mount it do not carry the identity yet.",
        why="""Without the key they would lose their storage. A pod that carries the identity uses the key as long as there
        is one, so nothing is lost by giving GitLab the identity first. The message names the secrets, what their pods
        lack, and the command. Pods of Jobs do not count. The key goes by itself, mostly within seconds after the last
        pod was replaced. [In place](migrating.md#in-place).""",
        steps=(
            Step(
                "Run the command of the message. This shows which pods run under which account", commands.SHOW_ACCOUNTS
            ),
            Step(
                "A pod of somebody else that mounts the secret holds it back too: delete it, or give it the identity."
            ),
        ),
    ),
    Cause(
        key=Reason.SECRET_NOT_UNDERSTOOD,
        on=(Link.SECRETS,),
        what="A secret that was handed over has a content that the operator does not change.",
        why="Nothing is written in it, and nothing of it is lost. The message says which key of it, and why.",
        cases=(
            Case(
                says="than the resource, which says",
                why="""It names other blobs than the resource. Access was proven for those of the resource, so GitLab might
                lose its own.""",
                steps=(Step("Correct the resource, or the secret."),),
            ),
            Case(
                says="has another endpoint than",
                why="""Its `realm`, `serviceurl`, `azure_storage_domain` or `azure_storage_endpoint` leads to another host than
                the storage account has.""",
                steps=(Step("Correct it. Without it GitLab takes `core.windows.net`."),),
            ),
            Case(
                says="has an access key under {other}, and nothing under",
                why="""GitLab may read another key of the secret than the resource names. By default the resource names
                `config` for the registry and the backups, and `connection` for Rails.""",
                steps=(
                    Step("Set `key` of that secret under `spec.secrets`. Or take the other key out of the secret."),
                ),
            ),
            Case(
                says="looks like a credential",
                why="It has a connection string, a signature, or another credential beside the access key.",
                steps=(Step("Take it out of the secret when nothing uses it."),),
            ),
            Case(
                sign="any other",
                why="""It is not YAML, or uses anchors, tags or merge keys, has a key twice, another driver or provider than
                Azure's, or several drivers.""",
                steps=(Step("Write it plainly, as GitLab's documentation does."),),
            ),
        ),
        steps=(_OWN_SECRET,),
    ),
)
