"""Why a link cannot be established, as long as nobody does something about it: what was seen to be in the way."""

from collections.abc import Sequence

from gitlab_azure_identity.api import OWNER_LABEL
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.spec import MAX_SERVICE_ACCOUNTS
from gitlab_azure_identity.domain.access_keys import handover_obstacle, written_elsewhere
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import words
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure, Outlook, worst
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.missing import how_to_add, missing
from gitlab_azure_identity.domain.observed import ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import claimed, handed_to
from gitlab_azure_identity.domain.plan import conflicting_credential, missing_credentials, missing_grants
from gitlab_azure_identity.domain.policy import adoption

LISTED = 3  # things that a sentence names at most


def _identity_obstacle(goal: Goal, have: Observed) -> Failure | None:
    want, identity = goal.desired.identity, have.identity
    if identity is None:
        if goal.may_create:
            return None
        if Link.IDENTITY in goal.desired.unmanaged:
            sentence = f"Managed identity {want.name} does not exist in resource group {want.id.resource_group}"
            return _not_added(Link.IDENTITY, goal, have, sentence)
        message = (
            f"Managed identity {want.name} does not exist, and the operator's policy does not let it be created in "
            f"resource group {want.id.resource_group}. Create it, or add the resource group to the policy."
        )
        return Failure(Reason.NOT_PERMITTED, message, Outlook.STALLED)
    if goal.owns(identity):
        return None
    if not goal.may_adopt:
        return _anothers(goal, identity)
    strangers = goal.strangers(have)
    return _shared(identity, strangers[0], _removal(goal, have, strangers[0])) if strangers else None


def _not_added(link: Link, goal: Goal, have: Observed, sentence: str) -> Failure:
    """The failure of an unmanaged link that lacks something, with what adds it. Without the identity everything that belongs to
    it is told at once, since whoever creates it will add that too."""
    lacking = [one for one in missing(goal, have) if link in (one.link, Link.IDENTITY)]
    field = "roleAssignments" if link is Link.ROLES else "identity"
    message = (
        f"{sentence}. spec.{field}.management is Observe: somebody else has to add what is missing. "
        f"{how_to_add(lacking, goal.owner)}"
    )
    return Failure(Reason.NOT_FOUND, message, Outlook.STALLED)


def _anothers(goal: Goal, identity: Identity) -> Failure:
    """The failure for an identity that this resource may not use. The message shows the rule that would let it be adopted only
    when no other resource claims the identity. Whoever can log in as that resource's identity would reach this storage too."""
    rename = "Delete this resource, and create it anew with another spec.identity.name, which cannot change"
    if owner := claimed(identity.tags):
        message = f"Managed identity {identity.name} exists and belongs to {owner}. {rename}."
    else:
        observed = Link.IDENTITY in goal.desired.unmanaged
        message = (
            f"Managed identity {identity.name} exists and does not carry this operator's tags. "
            f"{'If' if observed else f'{rename}. Or, if'} service accounts of namespace {goal.owner.namespace} may have every "
            f"right that the identity has, add to `policy` in the operator's settings: {adoption(goal.desired)}"
        )
    return Failure(Reason.NOT_OWNED, message, Outlook.STALLED)


def _shared(identity: Identity, credential: Credential, removal: str) -> Failure:
    """The failure for an adopted identity that also trusts somebody else. `removal` is the command against it."""
    message = (
        f"Managed identity {identity.name} also trusts {credential.subject}, by its federated credential {credential.name}, and "
        "whoever that is would reach this resource's storage. Nothing is granted to the identity. If "
        f"{credential.trusts} may reach the storage, add it to identities.sharedWith in the rule of the operator's policy that "
        f"adopts the identity: docs/settings.md#policy. Otherwise delete that credential: {removal}"
    )
    return Failure(Reason.SHARED_IDENTITY, message, Outlook.STALLED)


def _credentials_obstacle(goal: Goal, have: Observed) -> Failure | None:
    name = goal.desired.identity.name
    lacking = missing_credentials(goal, have)
    for credential in lacking:
        if other := conflicting_credential(credential, have):
            message = (
                f"Federated credential {other.name} of managed identity {name} already trusts subject "
                f"{credential.subject}, but for audience {other.audience} instead of {credential.audience}. Remove it: "
                f"{_removal(goal, have, other)}"
            )
            return Failure(Reason.CONFLICT, message, Outlook.STALLED)
    names = {credential.name for credential in have.credentials} | {credential.name for credential in lacking}
    if lacking and len(names) > MAX_SERVICE_ACCOUNTS:
        message = (
            f"Managed identity {name} would need {len(names)} federated credentials, and Azure allows "
            f"{MAX_SERVICE_ACCOUNTS}. Use fewer service accounts, or another identity."
        )
        return Failure(Reason.LIMIT_EXCEEDED, message, Outlook.STALLED)
    if lacking and Link.CREDENTIALS in goal.desired.unmanaged:
        return _not_federated(goal, have, lacking)
    return None


def _removal(goal: Goal, have: Observed, credential: Credential) -> str:
    """The command that removes a federated credential of the identity."""
    place = have.identity.id if have.identity else goal.desired.identity.id
    return commands.DELETE_CREDENTIAL.filled(
        subscription=place.subscription, group=place.resource_group, identity=place.name, credential=credential.name
    )


def _not_federated(goal: Goal, have: Observed, lacking: Sequence[Credential]) -> Failure:
    """The failure for service accounts that an observed identity does not trust. An issuer that is another one by a character is
    what people look at for hours, so the message shows it."""
    name, issuer = goal.desired.identity.name, lacking[0].issuer
    subjects = [credential.subject for credential in lacking]
    others = [one for one in have.credentials if one.subject in subjects and one.issuer != issuer]
    sentences = [
        f"Managed identity {name} has no federated credential for {_listed(subjects)} with issuer {issuer}",
        *(f"Its credential {one.name} trusts {one.subject} by issuer {one.issuer} instead" for one in others),
    ]
    return _not_added(Link.CREDENTIALS, goal, have, ". ".join(sentences))


def _roles_obstacle(goal: Goal, have: Observed) -> Failure | None:
    if Link.ROLES not in goal.desired.unmanaged:
        return None
    lacking = [f'"{grant.role.name}" at {grant.scope.words}' for grant in missing_grants(goal, have)]
    if not lacking:
        return None
    sentence = f"Managed identity {goal.desired.identity.name} does not have role {_listed(lacking)}"
    return _not_added(Link.ROLES, goal, have, sentence)


def _listed(things: Sequence[str]) -> str:
    """The first things of a list, and how many more there are."""
    more = f" and {len(things) - LISTED} more" if len(things) > LISTED else ""
    return f"{', '.join(things[:LISTED])}{more}"


def _service_accounts_obstacle(goal: Goal, have: Observed) -> Failure | None:
    wanted = [(one, have.objects.get(("ServiceAccount", one.name))) for one in goal.service_accounts]
    for account, found in wanted:
        if found is None and not account.managed:
            message = (
                f"Service account {account.name} does not exist. With management: Annotate somebody else creates it, such as "
                "the GitLab chart; with management: Manage the operator does."
            )
            return Failure(Reason.NOT_FOUND, message, Outlook.STALLED)
    managed = (found for account, found in wanted if found is not None and account.managed)
    return _not_owned(goal, [found for found in managed if not goal.may_write(found)])


def _objects_obstacle(goal: Goal, have: Observed) -> Failure | None:
    wanted = [(one, have.objects.get((one.kind, one.name))) for one in goal.objects]
    foreign = [found for _, found in wanted if found is not None and not goal.may_write(found)]
    elsewhere = (written_elsewhere(found) for found in foreign if found.kind == "Secret")
    if failure := next(filter(None, elsewhere), None) or _not_owned(goal, foreign):
        return failure
    if reasons := [known.message for known in unusable(goal.desired.use)]:
        message = f"{' '.join(reasons)} Then say the new version in spec.gitlab.version."
        return Failure(Reason.VERSION_UNSUPPORTED, message, Outlook.STALLED)
    obstacles = (handover_obstacle(goal, have, one, found) for one, found in wanted)
    return worst(found) if (found := [obstacle for obstacle in obstacles if obstacle is not None]) else None


def _not_owned(goal: Goal, foreign: Sequence[ClusterObject]) -> Failure | None:
    """The failure for the first object that is not ours, and for all others of its kind and owner: one command hands them over.
    None where there is none."""
    if not foreign:
        return None
    kind, owner = foreign[0].kind, _owner(foreign[0])
    alike = [one for one in foreign if one.kind == kind and _owner(one) == owner]
    names = [one.name for one in alike]
    if len(names) == 1:
        subject, belongs, was, name, it = f"{words(kind)} {names[0]} exists", "belongs", "was", "another name", "it"
    else:
        subject, belongs, was, name, it = (
            f"{words(kind)}s {_listed(names)} exist",
            "belong",
            "were",
            "other names",
            "them",
        )
    theirs = f"{belongs} to GitLabAzureIdentity {owner}. Choose {name} here, or take {it} from that one"
    whose = theirs if owner else f"{was} not created by this operator"
    hand_over = commands.HAND_OVER.filled(
        namespace=goal.owner.namespace, kind=kind.lower(), object=names, name=goal.owner.name
    )
    again = " --overwrite" if any(handed_to(one.annotations) for one in alike) else ""
    message = f"{subject[0].upper()}{subject[1:]} and {whose}. To hand {it} over: {hand_over}{again}"
    return Failure(Reason.NOT_OWNED, message, Outlook.STALLED)


def _owner(found: ClusterObject) -> str | None:
    """The resource that an object belongs to, by the word of a person or by its label."""
    return handed_to(found.annotations) or found.labels.get(OWNER_LABEL)


OBSTACLES = {
    Link.IDENTITY: _identity_obstacle,
    Link.CREDENTIALS: _credentials_obstacle,
    Link.ROLES: _roles_obstacle,
    Link.SERVICE_ACCOUNTS: _service_accounts_obstacle,
    Link.SECRETS: _objects_obstacle,
}
