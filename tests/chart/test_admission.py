"""The admission policies limit which tokens and secrets the operator may create. RBAC cannot express that."""

from __future__ import annotations

import pytest

from .rendering import Document, Helm, Rendered


def rules(policy: Document) -> list[str]:
    return [validation["expression"] for validation in policy["spec"]["validations"]]


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("AzurePublic", "api://AzureADTokenExchange"),
        ("AzureUSGovernment", "api://AzureADTokenExchangeUSGov"),
        ("AzureChina", "api://AzureADTokenExchangeChina"),
    ],
)
def test_tokens_have_only_the_clouds_federation_audience_and_last_at_most_an_hour(
    helm: Helm, cloud: str, audience: str
) -> None:
    policy = helm.template(settings={"cluster": "prod", "cloud": cloud}).one(
        "ValidatingAdmissionPolicy", "gitlab-azure-identity-tokens"
    )

    assert rules(policy) == [
        f"has(object.spec.audiences) && object.spec.audiences == ['{audience}']",
        "has(object.spec.expirationSeconds) && object.spec.expirationSeconds <= 3600",
    ]
    assert policy["spec"]["validations"][0]["message"].endswith(f"only for the audience {audience}")
    assert policy["spec"]["matchConstraints"]["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["serviceaccounts/token"]}
    ]


def test_the_operator_creates_only_opaque_secrets_and_so_no_tokens(minimal: Rendered) -> None:
    policy = minimal.one("ValidatingAdmissionPolicy", "gitlab-azure-identity-secrets")

    assert rules(policy) == ["has(object.type) && object.type == 'Opaque'"]
    assert policy["spec"]["matchConstraints"]["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["secrets"]}
    ]


def test_the_operator_changes_only_the_annotations_of_a_deployments_pods(helm: Helm, minimal: Rendered) -> None:
    name = "gitlab-azure-identity-deployments"
    policy = helm.template(restart={"enabled": True}).one("ValidatingAdmissionPolicy", name)

    (rule,) = rules(policy)
    for part in ("template.spec", "template.metadata.labels", "?replicas", "?strategy", "?paused"):
        assert f"object.spec.{part} == oldObject.spec.{part}" in rule
    assert name not in [each["metadata"]["name"] for each in minimal.all("ValidatingAdmissionPolicy")]


def test_policies_apply_only_to_the_operator_and_deny(helm: Helm) -> None:
    rendered = helm.template(serviceAccount={"name": "gai"})
    policies = rendered.all("ValidatingAdmissionPolicy")
    bindings = rendered.all("ValidatingAdmissionPolicyBinding")

    for policy in policies:
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert {validation["reason"] for validation in policy["spec"]["validations"]} == {"Forbidden"}
        assert [condition["expression"] for condition in policy["spec"]["matchConditions"]] == [
            "request.userInfo.username == 'system:serviceaccount:gitlab-azure-identity:gai'"
        ]
    assert [b["spec"] for b in bindings] == [
        {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]} for policy in policies
    ]


def test_policies_can_be_left_out(helm: Helm) -> None:
    assert not helm.template(admissionPolicy={"create": False}).all("ValidatingAdmissionPolicy")
