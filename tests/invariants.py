"""What must hold of every status ever written: the checks that Flux runs against its own controllers
(fluxcd/pkg, runtime/conditions/check/fail.go), for a resource whose Ready is the summary."""

from typing import Any


def broken(resource: dict[str, Any]) -> list[str]:
    """The invariants that this object breaks, each as a sentence; none for one that nobody has judged yet."""
    status = resource.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    if not conditions:
        return []
    generation, observed = resource["metadata"]["generation"], status.get("observedGeneration", 0)
    ready = conditions.get("Ready", {}).get("status")
    negative = {kind: conditions.get(kind, {}).get("status") for kind in ("Reconciling", "Stalled")}
    checks = {
        "0001: a negative condition is True while Ready is True": ready == "True" and "True" in negative.values(),
        "0002: Ready is missing": ready is None,
        "0003: Reconciling is True while Ready is True": negative["Reconciling"] == "True" and ready == "True",
        "0004: Stalled is True and Ready is not False": negative["Stalled"] == "True" and ready != "False",
        "0005: Reconciling and Stalled are both True": list(negative.values()) == ["True", "True"],
        "0006: observedGeneration is ahead of the generation": observed > generation,
        "0008: a condition is ahead of observedGeneration": any(
            c.get("observedGeneration", 0) > observed for c in conditions.values()
        ),
        "0009: Ready, Reconciling or Stalled speak of another generation than the status": any(
            conditions[kind].get("observedGeneration") != observed
            for kind in ("Ready", "Reconciling", "Stalled")
            if kind in conditions
        ),
        "0011: Ready is Unknown without Reconciling": ready == "Unknown" and negative["Reconciling"] != "True",
        "kstatus: a negative condition is present without being True": any(
            value not in (None, "True") for value in negative.values()
        ),
        "api-conventions: a condition has no reason or message": any(
            not c.get("reason") or not c.get("message") for c in conditions.values()
        ),
    }
    return [text for text, is_broken in checks.items() if is_broken]
