"""The access that GitLab needs, tried by a person: with tokens of the service accounts, if they may create them, and from their
own network."""

from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.azure.access_errors import AccessAttempt
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.cli.telling import about_the_caller
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.assessment import may_still_propagate
from gitlab_azure_identity.domain.doctor.examination import Check, State, of_this_generation, weighed
from gitlab_azure_identity.domain.doctor.token import Claims, compared, trusted_by
from gitlab_azure_identity.domain.findings import Finding
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.plan import lacks_roles
from gitlab_azure_identity.domain.storage_account import network_rules
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.tokens import claims_of
from gitlab_azure_identity.reconcile.aim import Aim
from gitlab_azure_identity.reconcile.verify import verify

OF_THE_TOKEN = {Reason.TOKEN_REJECTED, Reason.ISSUER_MISMATCH}
ELSEWHERE = "You tried it from your own network, which is not the cluster's. Try it from there: --as-pod."


def attempt_of(look: Look, found: Aim) -> AccessAttempt:
    """The attempt of a person, who asks for it whatever the resource wants."""
    have = found.observation.have
    fresh = may_still_propagate(
        have.assignments, granted_at=None, since=None, now=SYSTEM.now(), limit=look.propagation_limit
    )
    desired = replace(found.goal.desired, verification=Verification.REPORT)
    return AccessAttempt(desired, fresh, found.observation.account, unassigned=lacks_roles(found.goal, have))


async def proven(look: Look, found: Aim, identity: Identity) -> Finding:
    """Whether the identity reaches the blobs, tried as the operator does it."""
    proof = await verify(look.azure, look.kube, attempt_of(look, found), identity, look.told)
    return proof.finding


async def access(look: Look, found: Aim, mine: Finding) -> Check:
    """The check of access by what a person has proven, and by what the operator has."""
    if mine.failure and mine.reason is Reason.NETWORK_BLOCKED:
        return _from_elsewhere(found, mine.message)
    check = weighed(mine, found.resource, seen=mine.failure is None or not about_the_caller(mine.failure))
    if check.state is not State.BROKEN:
        return check
    if check.cause in OF_THE_TOKEN:
        return check.with_details(*await token_details(look, found))
    if check.cause == Reason.ACCESS_DENIED:
        return check.with_details(*_conditions(found))
    return check


def _from_elsewhere(found: Aim, message: str) -> Check:
    """The check when the account keeps out the network of the person, who is mostly not where the pods are."""
    theirs = of_this_generation(found.resource, Link.ACCESS)
    rules = network_rules(found.observation.account)
    if theirs is not None and theirs.status == "True":
        seen = f"The operator proved access from the cluster. Your own network is kept out. {rules}".strip()
        return Check(Link.ACCESS, State.HOLDS, seen, theirs.reason)
    if theirs is not None and theirs.status == "False":
        return Check(Link.ACCESS, State.BROKEN, theirs.message, theirs.reason).with_details(*([rules] if rules else ()))
    return Check(Link.ACCESS, State.UNSEEN, f"{message} {ELSEWHERE}")


def _conditions(found: Aim) -> list[str]:
    """The conditions of the identity's role assignments, which may take away what a role gives."""
    return [
        f"Role assignment {one.name} at {one.scope.words} has the condition: {' '.join(one.condition.split())}"
        for one in found.observation.have.assignments
        if one.condition
    ]


async def token_details(look: Look, found: Aim) -> list[str]:
    """For each service account that no federated credential trusts: its token and the nearest credential, character by
    character."""
    have, desired = found.observation.have, found.goal.desired
    if Link.CREDENTIALS in found.observation.unseen:
        return []
    lines: list[str] = []
    for account in desired.service_accounts:
        claims = await _claims(look, found, account.name)
        if trusted_by(claims, have.credentials):
            continue
        nearest = compared(claims, have.credentials)
        if nearest is None:
            lines.append(f"Managed identity {desired.identity.name} has no federated credential at all.")
            break
        credential, apart = nearest
        lines.append(f"No credential trusts service account {account.name}. The nearest is {credential.name}:")
        lines += apart
    return lines


async def _claims(look: Look, found: Aim, account: str) -> Claims:
    """What a token of the service account says. Who may not create one gets what the cluster would write into it."""
    desired, namespace = found.goal.desired, found.goal.owner.namespace
    subject, audience = naming.subject(namespace, account), desired.cloud.audience
    try:
        said = claims_of(await look.kube.tokens.token(namespace, account, audience))
    except ClusterError:
        return Claims(desired.issuer, subject, audience)
    audiences = said.get("aud") or audience
    return Claims(
        str(said.get("iss", "")),
        str(said.get("sub", subject)),
        audiences if isinstance(audiences, str) else ",".join(map(str, audiences)),
    )
