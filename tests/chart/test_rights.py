"""The rights of the operator and of the uninstallation's check in the cluster: exactly these."""

from __future__ import annotations

import pytest

from .rendering import Document, Helm, Rendered

Right = tuple[str, str, str]
"""API group, resource, verb."""

EVERYWHERE: set[Right] = {
    *(("gitlabazure.io", "gitlabazureidentities", verb) for verb in ("get", "list", "watch", "patch")),
    ("gitlabazure.io", "gitlabazureidentities/status", "patch"),
    ("", "namespaces", "get"),
    ("", "events", "create"),
    ("", "/.well-known/openid-configuration", "get"),
}
OBJECTS: set[Right] = {
    ("", resource, verb)
    for resource in ("secrets", "serviceaccounts", "configmaps")
    for verb in ("get", "create", "patch", "delete")
}
OWN_NAMESPACE = "gitlab-azure-identity"
LEASE: set[Right] = {
    ("coordination.k8s.io", "leases", "create"),
    *(("coordination.k8s.io", "leases/gitlab-azure-identity", verb) for verb in ("get", "patch", "watch")),
}
PODS: set[Right] = {("", "pods", "list"), ("", "pods", "watch")}
TOKENS: set[Right] = {("", "serviceaccounts/token", "create")}


def rights(role: Document) -> set[Right]:
    """The rights of a role. One that is limited to a name has it after a slash."""
    found: set[Right] = set()
    for rule in role["rules"]:
        assert set(rule) <= {"apiGroups", "resources", "resourceNames", "nonResourceURLs", "verbs"}
        named = [f"{target}/{name}" for target in rule.get("resources", []) for name in rule.get("resourceNames", [])]
        targets = [*(named or rule.get("resources", [])), *rule.get("nonResourceURLs", [])]
        found |= {(group, t, v) for group in rule.get("apiGroups", [""]) for t in targets for v in rule["verbs"]}
    return found


def granted(rendered: Rendered, account: str = "gitlab-azure-identity") -> dict[str | None, set[Right]]:
    """The rights that bindings give a service account of the chart, by namespace. None is the whole cluster."""
    roles = {
        (d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]): d
        for d in rendered.documents
        if d["kind"] in {"Role", "ClusterRole"}
    }
    found: dict[str | None, set[Right]] = {}
    for binding in rendered.all("RoleBinding") + rendered.all("ClusterRoleBinding"):
        (subject,) = binding["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": subject["name"], "namespace": "gitlab-azure-identity"}
        if subject["name"] != account:
            continue
        namespace, role = binding["metadata"].get("namespace"), binding["roleRef"]
        where = namespace if role["kind"] == "Role" else None
        found.setdefault(namespace, set()).update(rights(roles[role["kind"], where, role["name"]]))
    return found


def test_only_listed_namespaces_give_rights_on_secrets_service_accounts_and_tokens(helm: Helm) -> None:
    assert granted(helm.template(namespaces=["gitlab", "gitlab-staging"])) == {
        None: EVERYWHERE,
        OWN_NAMESPACE: LEASE,
        "gitlab": OBJECTS | PODS | TOKENS,
        "gitlab-staging": OBJECTS | PODS | TOKENS,
    }


def test_cluster_wide_gives_the_same_rights_everywhere_and_no_others(helm: Helm) -> None:
    assert granted(helm.template(namespaces=[], clusterWide=True)) == {
        None: EVERYWHERE | OBJECTS | PODS | TOKENS,
        OWN_NAMESPACE: LEASE,
    }


@pytest.mark.parametrize("where", [{"namespaces": ["gitlab"]}, {"namespaces": [], "clusterWide": True}])
def test_the_right_to_restart_deployments_is_given_only_when_it_is_asked_for(
    helm: Helm, where: dict[str, object]
) -> None:
    without, with_it = (
        set().union(*granted(helm.template(restart={"enabled": enabled}, **where)).values())
        for enabled in (False, True)
    )

    assert with_it - without == {("apps", "deployments", "get"), ("apps", "deployments", "patch")}


@pytest.mark.parametrize("where", [{"namespaces": ["gitlab"]}, {"namespaces": [], "clusterWide": True}])
def test_without_verification_the_operator_may_not_create_tokens(helm: Helm, where: dict[str, object]) -> None:
    rendered = helm.template(verification={"enabled": False}, **where)

    assert not TOKENS & set().union(*granted(rendered).values())


@pytest.mark.parametrize("where", [{"namespaces": ["gitlab"]}, {"namespaces": [], "clusterWide": True}])
def test_the_operator_lists_and_watches_only_its_own_resource_its_lease_and_pods(
    helm: Helm, where: dict[str, object]
) -> None:
    listed = {
        (group, resource)
        for namespace_rights in granted(helm.template(**where)).values()
        for group, resource, verb in namespace_rights
        if verb in {"list", "watch", "deletecollection", "*"} or "*" in (group, resource)
    }

    assert listed == {
        ("gitlabazure.io", "gitlabazureidentities"),
        ("", "pods"),
        ("coordination.k8s.io", "leases/gitlab-azure-identity"),
    }


def test_the_chart_can_leave_rbac_out(helm: Helm) -> None:
    rendered = helm.template(rbac={"create": False})

    assert not [d for d in rendered.documents if d["apiVersion"].startswith("rbac.")]


def test_the_clusters_view_and_edit_roles_include_the_resource(minimal: Rendered) -> None:
    def aggregated(name: str) -> tuple[set[str], set[Right]]:
        role = minimal.one("ClusterRole", f"gitlab-azure-identity-{name}")
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        labels = role["metadata"]["labels"]
        return {k.removeprefix(prefix) for k, v in labels.items() if k.startswith(prefix) and v == "true"}, rights(role)

    resource = ("gitlabazure.io", "gitlabazureidentities")
    assert aggregated("view") == (
        {"view", "edit", "admin"},
        {(*resource, verb) for verb in ("get", "list", "watch")},
    )
    assert aggregated("edit") == (
        {"edit", "admin"},
        {(*resource, verb) for verb in ("create", "update", "patch", "delete", "deletecollection")},
    )


def test_the_chart_can_leave_the_clusters_own_roles_unchanged(helm: Helm) -> None:
    names = {d["metadata"]["name"] for d in helm.template(rbac={"aggregateClusterRoles": False}).all("ClusterRole")}

    assert names == {"gitlab-azure-identity", "gitlab-azure-identity-uninstall"}


def test_the_check_before_an_uninstallation_only_sees_resources(minimal: Rendered) -> None:
    assert granted(minimal, "gitlab-azure-identity-uninstall") == {
        None: {("gitlabazure.io", "gitlabazureidentities", verb) for verb in ("list", "watch")}
    }
