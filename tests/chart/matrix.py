"""Values in combinations: of any two factors, every two levels meet in at least one case."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from .rendering import MINIMAL, Values

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
_SELECTOR = {"matchLabels": {"app.kubernetes.io/instance": "gitlab-azure-identity"}}

# Each level is what is added to the required values. The first level of a factor is the default.
FACTORS: Mapping[str, Sequence[Values]] = {
    "where": (
        {"namespaces": ["gitlab"]},
        {"namespaces": ["gitlab", "gitlab-staging"]},
        {"namespaces": [], "clusterWide": True},
    ),
    "cloud": ({}, {"settings": {"cloud": "AzureUSGovernment"}}, {"settings": {"cloud": "AzureChina"}}),
    "settings": (
        {},
        {"settings": {"httpPort": 9090, "requestTimeout": 2.5, "policy": [{"namespaces": ["gitlab"]}]}},
    ),
    "replicas": ({}, {"replicaCount": 1}, {"replicaCount": 3}),
    "budget": (
        {},
        {"podDisruptionBudget": {"enabled": False}},
        {"podDisruptionBudget": {"maxUnavailable": "50%"}},
    ),
    "image": ({}, {"image": {"tag": "edge", "pullPolicy": "Always"}}, {"image": {"digest": "sha256:" + "0" * 64}}),
    "account": (
        {},
        {"serviceAccount": {"name": "gai", "annotations": {"team": "platform"}}},
        {"serviceAccount": {"create": False, "name": "theirs"}, "azure": {"clientId": ""}},
    ),
    "rbac": ({}, {"rbac": {"aggregateClusterRoles": False}}, {"rbac": {"create": False}}),
    "rights": (
        {},
        {"verification": {"enabled": False}},
        {"restart": {"enabled": True}},
        {"verification": {"enabled": False}, "restart": {"enabled": True}},
    ),
    "admission": ({}, {"admissionPolicy": {"create": False}}),
    "definition": ({}, {"crds": {"keep": False}}, {"crds": {"enabled": False}}),
    "uninstall": ({}, {"uninstallCheck": {"waitSeconds": 0}}, {"uninstallCheck": {"enabled": False}}),
    "network": (
        {},
        {"networkPolicy": {"enabled": True}},
        {
            "networkPolicy": {
                "enabled": True,
                "metricsFrom": [{"namespaceSelector": {}}],
                "extraEgress": [{"ports": [{"protocol": "UDP", "port": 5353}]}],
            }
        },
    ),
    "proxy": (
        {},
        {"azure": {"proxy": {"https": "http://proxy.example.com:3128"}}},
        {"azure": {"proxy": {"https": "https://proxy.example.com", "noProxy": "a.example.com,b.example.com"}}},
    ),
    "authorities": (
        {},
        {"caBundle": {"pem": PEM}},
        {"caBundle": {"configMap": "company", "key": "bundle.pem"}},
        {"caBundle": {"secret": "company"}},
    ),
    "prometheus": (
        {},
        {"podMonitor": {"enabled": True, "interval": "1m30s", "labels": {"release": "prometheus"}}},
        {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}},
    ),
    "dashboard": (
        {},
        {"dashboard": {"enabled": True}},
        {"dashboard": {"enabled": True, "labels": {"sidecar": "yes"}, "annotations": {"grafana_folder": "GitLab"}}},
    ),
    "names": ({}, {"nameOverride": "gai"}, {"fullnameOverride": "an-operator-whose-name-is-so-long-that-it-must-be-cut"}),
    "pod": (
        {},
        {
            "commonLabels": {"cost": "42"},
            "podLabels": {"team": "platform"},
            "podAnnotations": {"note": "yes"},
            "extraEnv": [{"name": "GAI_LOG_LEVEL", "value": "debug"}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "imagePullSecrets": [{"name": "registry"}],
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": _SELECTOR}}]}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                                           "whenUnsatisfiable": "DoNotSchedule", "labelSelector": _SELECTOR}],
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"pool": "system"},
            "resources": {},
        },
    ),
}  # fmt: skip


Case = Mapping[str, int]
"""The index of each factor's level."""
Pair = frozenset[tuple[str, int]]
STARTS = 40
"""Pairs that each case is tried with: more make fewer cases, and take longer to find them."""


def cases(factors: Mapping[str, Sequence[Values]] = FACTORS) -> Iterator[Case]:
    """The first case is the defaults. Each further one starts with a pair that has not met yet, the one that leads to the most
    new pairs."""
    missing = {
        frozenset({(a, i), (b, j)})
        for a, b in itertools.combinations(factors, 2)
        for i in range(len(factors[a]))
        for j in range(len(factors[b]))
    }
    case: Case = dict.fromkeys(factors, 0)
    while missing:
        yield case
        missing -= pairs(case)
        starts = sorted(missing, key=sorted)[:STARTS]
        case = max(
            (_filled(start, factors, missing) for start in starts), key=lambda c: len(missing & pairs(c)), default=case
        )


def _filled(start: Pair, factors: Mapping[str, Sequence[Values]], missing: set[Pair]) -> Case:
    """A case that starts with a pair. Each further factor takes the level that makes the most new pairs with those before."""
    case = dict(start)
    for name in (each for each in factors if each not in case):
        chosen = tuple(case.items())
        new = [sum(frozenset({(name, level), one}) in missing for one in chosen) for level in range(len(factors[name]))]
        case[name] = new.index(max(new))
    return case


def pairs(case: Case) -> set[Pair]:
    return {frozenset(pair) for pair in itertools.combinations(case.items(), 2)}


def values(case: Case, factors: Mapping[str, Sequence[Values]] = FACTORS) -> Values:
    """The values of a case: the required ones, and those of its levels."""
    found: Values = MINIMAL
    for name, level in case.items():
        found = _merged(found, factors[name][level])
    return found


def title(case: Case) -> str:
    """What differs from the defaults."""
    return " ".join(f"{name}{level}" for name, level in case.items() if level) or "defaults"


def _merged(below: Values, above: Values) -> Values:
    """Both, as Helm merges values: objects by their keys, everything else as the one above has it."""
    both = dict(below)
    for key, value in above.items():
        known = both.get(key)
        both[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return both
