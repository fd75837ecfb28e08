"""azure-workload-identity's webhook, by its registration: whether it is there, answers, and changes the pods of a namespace.

Names: azure-workload-identity 1.6.0, manifest_staging/charts/workload-identity-webhook; AKS installs the same objects into
kube-system."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitlab_azure_identity.domain.doctor.selectors import unmet
from gitlab_azure_identity.domain.pods import USE_LABEL

NAME = "azure-workload-identity.io"  # the end of its name
CONFIGURATION = "azure-wi-webhook"  # a part of the name of its configuration
OF_AKS = {"webhook": "azure-wi-webhook-mutating-webhook-configuration", "webhook_namespace": "kube-system"}
"""The names that fill in commands, where it is the one that AKS installs."""


@dataclass(frozen=True)
class Webhook:
    """One webhook of a MutatingWebhookConfiguration. `service` is the namespace and the name of the Service that answers for it,
    or None when it has an address of its own."""

    configuration: str
    name: str
    namespace_selector: Mapping[str, Any]
    object_selector: Mapping[str, Any]
    rules: Sequence[Mapping[str, Any]]
    fails_closed: bool  # failurePolicy Fail: without its answer no pod is created
    service: tuple[str, str] | None
    conditional: bool = False  # it has matchConditions

    @property
    def mutates_pods(self) -> bool:
        """Whether its rules name the creation of pods."""
        return any(
            {"CREATE", "*"} & set(rule.get("operations") or ())
            and {"pods", "*", "*/*"} & set(rule.get("resources") or ())
            and {"", "*"} & set(rule.get("apiGroups") or ())
            for rule in self.rules
        )


def identity_webhooks(configurations: Sequence[Mapping[str, Any]]) -> tuple[Webhook, ...]:
    """The webhooks of azure-workload-identity among all that are registered."""
    return tuple(webhook for each in configurations for webhook in _webhooks(each))


def _webhooks(configuration: Mapping[str, Any]) -> Iterator[Webhook]:
    name = configuration["metadata"]["name"]
    for each in configuration.get("webhooks") or ():
        if CONFIGURATION in name or each["name"].endswith(NAME):
            service = (each.get("clientConfig") or {}).get("service")
            yield Webhook(
                configuration=name,
                name=each["name"],
                namespace_selector=each.get("namespaceSelector") or {},
                object_selector=each.get("objectSelector") or {},
                rules=each.get("rules") or (),
                fails_closed=each.get("failurePolicy", "Fail") == "Fail",
                service=(service["namespace"], service["name"]) if service else None,
                conditional=bool(each.get("matchConditions")),
            )


@dataclass(frozen=True)
class Silence:
    """Why the webhook does not change GitLab's pods: the key of the cause, and a sentence about this cluster. `names` fill in the
    commands of the cause."""

    cause: str
    sentence: str
    names: tuple[tuple[str, str], ...] = ()


MISSING, EXCLUDING, SILENT = "webhook-missing", "webhook-excludes-namespace", "webhook-silent"


def silence(
    webhooks: Sequence[Webhook], namespace: str, labels: Mapping[str, str], answering: Mapping[tuple[str, str], bool]
) -> Silence | None:
    """Why none of the webhooks would change a labelled pod of a namespace with these labels. None when one would, and none that
    keeps silent prevents the pod. `answering` says of Services whether a pod is ready behind them; one that is not in it was not
    seen."""
    pods = [webhook for webhook in webhooks if webhook.mutates_pods]
    if not pods:
        return Silence(MISSING, "The webhook of azure-workload-identity is not registered in this cluster.")
    excluded = [reason for webhook in pods if (reason := _exclusion(webhook, labels))]
    asked = _asked(webhooks, labels)
    silent = [(one, one.service) for one in asked if one.service and not answering.get(one.service, True)]
    for webhook, service in silent:
        if webhook.fails_closed or len(silent) == len(asked):
            return Silence(SILENT, _silent(webhook, *service), (("webhook_namespace", service[0]),))
    if asked:
        return None
    what = "; ".join(excluded)
    sentence = f"The webhook {pods[0].configuration} leaves out namespace {namespace}: {what}."
    return Silence(EXCLUDING, sentence, (("webhook", pods[0].configuration),))


def unknown(webhooks: Sequence[Webhook], labels: Mapping[str, str]) -> str | None:
    """A sentence about the conditions under which a webhook is asked, where all have some: only the API server evaluates them.
    None where one has none."""
    asked = _asked(webhooks, labels)
    if not asked or not all(webhook.conditional for webhook in asked):
        return None
    return (
        f"The webhook {asked[0].configuration} has matchConditions. Only a new pod shows whether they admit the pods of GitLab: "
        "--as-pod."
    )


def is_seen(webhooks: Sequence[Webhook], labels: Mapping[str, str], answering: Mapping[tuple[str, str], bool]) -> bool:
    """Whether one of the webhooks that would change such a pod is known to answer, as far as its registration tells where."""
    return any(one.service is None or answering.get(one.service) for one in _asked(webhooks, labels))


def _asked(webhooks: Sequence[Webhook], labels: Mapping[str, str]) -> list[Webhook]:
    """The webhooks that the API server asks about a labelled pod of a namespace with these labels."""
    return [one for one in webhooks if one.mutates_pods and _exclusion(one, labels) is None]


def _exclusion(webhook: Webhook, labels: Mapping[str, str]) -> str | None:
    """Why the API server does not ask a webhook about such a pod."""
    if reason := unmet(webhook.namespace_selector, labels):
        return f"by its namespaceSelector label {reason}"
    if reason := unmet(webhook.object_selector, {USE_LABEL: "true"}):
        return f"by its objectSelector label {reason}"
    return None


def _silent(webhook: Webhook, namespace: str, service: str) -> str:
    then = (
        "no pod with the label can be created" if webhook.fails_closed else "pods are created without their variables"
    )
    return f"No pod is ready behind service {service} in namespace {namespace}, which is the webhook: {then}."
