"""Changes of the operator's policy: rules that are removed, and rules that name objects that do not exist."""

from typing import Any

from .behind import IDENTITIES, SECRETS
from .operating import GROUP, POLICY, STORAGE, SUBSCRIPTION, Operator
from .owner import stalled
from .resources import GitLab

NARROWER: list[dict[str, Any]] = [
    {
        "namespaces": ["t-*"],
        "identities": {"resourceGroups": [GROUP]},
        "storage": [{"account": f"{STORAGE}/store*"}],
    }
]


def test_a_resource_that_is_no_longer_admitted_keeps_what_it_has_and_can_be_deleted(
    gitlab: GitLab, operator: Operator
) -> None:
    gitlab.apply().ready()
    identity, principal = gitlab.live()["status"]["identity"], gitlab.principal
    secret = gitlab.fetch("secret", SECRETS[0])

    operator.restart(policy=NARROWER)

    assert stalled(gitlab, "NotPermitted").startswith(
        f"No rule of the operator's policy lets namespace {gitlab.namespace} use storage account gitlabstore at Account scope."
    )
    assert gitlab.live()["status"]["identity"] == identity
    assert len(gitlab.identities()) == len(gitlab.credentials()) == len(gitlab.assignments()) == 1
    assert gitlab.fetch("secret", SECRETS[0]) == secret

    gitlab.remove_assignments()
    gitlab.lab.controls.clear_calls()
    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "runner"}])
    stalled(gitlab, "NotPermitted")
    assert gitlab.calls() == []
    assert len(gitlab.credentials()) == 1
    assert not gitlab.exists("serviceaccount", "runner")

    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert not gitlab.exists("secret", SECRETS[0])


def test_a_resource_in_a_namespace_that_no_rule_names_any_more_can_be_deleted(
    gitlab: GitLab, operator: Operator
) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal

    operator.restart(policy=[])
    assert stalled(gitlab, "NotPermitted").startswith(
        f"No rule of the operator's policy names namespace {gitlab.namespace}."
    )
    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []


def test_an_identity_that_may_no_longer_be_adopted_keeps_what_was_granted(gitlab: GitLab, operator: Operator) -> None:
    status, made = gitlab.azure("PUT", f"{IDENTITIES}/shared", {"location": "westeurope", "tags": {"team": "platform"}})
    assert status == 201, made
    principal = made["properties"]["principalId"]
    gitlab.apply(identity={"name": "shared"}).ready()

    operator.restart(policy=[NARROWER[0] | {"storage": POLICY[0]["storage"]}])

    assert stalled(gitlab, "NotOwned").startswith(
        "Managed identity shared exists and does not carry this operator's tags."
    )
    assert len(gitlab.credentials("shared")) == len(gitlab.assignments(principal=principal)) == 1

    gitlab.delete()

    assert gitlab.credentials("shared") == gitlab.assignments(principal=principal) == []
    assert gitlab.azure("GET", made["id"])[1] == made
    assert gitlab.azure("DELETE", made["id"])[0] == 200


def test_a_rule_that_names_a_missing_resource_group_blocks_nobody(gitlab: GitLab, operator: Operator) -> None:
    groups = [GROUP, f"{SUBSCRIPTION}/resourceGroups/rg-not-yet"]
    operator.restart(policy=[POLICY[0] | {"identities": {"resourceGroups": groups}}])

    gitlab.apply().ready()


def test_a_widened_policy_takes_effect_at_the_restart(gitlab: GitLab, operator: Operator) -> None:
    operator.restart(policy=NARROWER)
    gitlab.apply()
    stalled(gitlab, "NotPermitted")

    operator.restart()

    gitlab.ready(seconds=10)
