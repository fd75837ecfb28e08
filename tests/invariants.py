"""The invariants of every status: the checks that Flux runs against its own controllers (fluxcd/pkg,
runtime/conditions/check/fail.go), for a resource whose Ready is the summary."""

from collections.abc import Iterable
from typing import Any

from gitlab_azure_identity.api.conditions import CHAIN
from gitlab_azure_identity.domain.causes import reasons_of


def seen(resource: dict[str, Any]) -> bool:
    """Whether an operator has written a status. Until then it is the definition's default."""
    observed: int = resource.get("status", {}).get("observedGeneration", -1)
    return observed != -1


def broken(resource: dict[str, Any]) -> list[str]:
    """The invariants that this object breaks, a sentence for each. An object that no operator has seen yet breaks none.

    0007 (Ready is not True for a former generation) is not among them: see `outdated`."""
    if not seen(resource):
        return []
    status = resource["status"]
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
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


def unexplained(resource: dict[str, Any]) -> list[str]:
    """The conditions of this object with a reason that the table of causes does not give them."""
    conditions = resource.get("status", {}).get("conditions", ())
    return [
        f"{found['type']} has reason {found['reason']}"
        for found in conditions
        if found["type"] in CHAIN and found["reason"] not in reasons_of(found["type"])
    ]


def outdated(versions: Iterable[dict[str, Any]]) -> list[str]:
    """Check 0007 over the versions of one object, in their order: a sentence for each version that breaks it.

    It cannot hold for every version. An edit leaves the status as it was: Ready stays True, for the former generation, until the
    operator has made a pass. And a pass during which an edit happens writes what it found for the spec that it had read, since it
    cannot know of the edit. Both are harmless: kstatus, and everybody who waits like it, compares the generations before reading
    Ready. But after an edit at most one more status may say Ready for a former generation, from the pass that was already
    running. The next pass reads the object again."""
    problems: list[str] = []
    late: dict[int, int] = {}
    before: dict[str, Any] = {}
    for version in versions:
        generation, status = version["metadata"]["generation"], version.get("status", {})
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
        if status != before and ready and status.get("observedGeneration", 0) < generation:
            late[generation] = late.get(generation, 0) + 1
            if late[generation] > 1:
                problems.append(f"0007: Ready is True for an older generation than {generation}, written a second time")
        before = status
    return problems
