"""The definitions of the Prometheus Operator that the chart's optional parts need, as far as the chart uses them."""

from tests.chart.rendering import Document

STRING = {"type": "string"}
STRINGS = {"type": "object", "additionalProperties": STRING}
# The fields that the chart uses, as the definitions of the Prometheus Operator have them (monitoring.coreos.com_podmonitors.yaml
# and monitoring.coreos.com_prometheusrules.yaml of its release 0.86). Any other is refused.
ENDPOINT = {"port": STRING, "path": STRING, "interval": STRING, "honorLabels": {"type": "boolean"}}
RULE = {
    "alert": STRING,
    "record": STRING,
    "expr": {"x-kubernetes-int-or-string": True},
    "for": STRING,
    "labels": STRINGS,
    "annotations": STRINGS,
}


def items(**fields: object) -> dict[str, object]:
    return {"type": "array", "items": {"type": "object", "properties": fields}}


def definition(kind: str, **fields: object) -> Document:
    plural = f"{kind.lower()}s"
    spec = {"type": "object", "properties": fields}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


DEFINITIONS = [
    definition(
        "PodMonitor",
        selector={"type": "object", "properties": {"matchLabels": STRINGS}},
        podMetricsEndpoints=items(**ENDPOINT),
    ),
    definition("PrometheusRule", groups=items(name=STRING, rules=items(**RULE))),
]
