"""The tests of statuses in tests/invariants.py find what is wrong."""

from typing import Any

from tests.invariants import broken, outdated, unexplained


def version(generation: int, observed: int, ready: str = "True", note: str = "") -> dict[str, Any]:
    condition = {
        "type": "Ready", "status": ready, "reason": "X", "message": f"x{note}", "observedGeneration": observed,
    }  # fmt: skip
    return {
        "metadata": {"generation": generation},
        "status": {"observedGeneration": observed, "conditions": [condition]},
    }


def test_a_status_without_any_condition_is_a_failure_and_no_status_is_none() -> None:
    assert broken({"metadata": {"generation": 1}}) == []
    assert broken({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}) == ["0002: Ready is missing"]
    assert broken(version(1, 1)) == []


def test_ready_for_an_older_generation_is_written_once_at_most() -> None:
    edited, overtaken, again = (
        version(2, 1),
        version(2, 1, note=" by the pass that is running"),
        version(2, 1, note=" again"),
    )

    assert outdated([version(1, 1), edited, overtaken, version(2, 2)]) == []
    assert outdated([version(1, 1), edited, overtaken, version(3, 1, note=" again"), version(3, 3)]) == []
    assert outdated([version(1, 1), edited, overtaken, again]) == [
        "0007: Ready is True for an older generation than 2, written a second time"
    ]
    assert outdated([version(1, 1), edited, version(2, 1, "False"), version(2, 1, "Unknown")]) == []


def test_a_reason_that_is_not_on_a_condition_is_found() -> None:
    conditions = [
        {"type": "Ready", "reason": "ContainerNotFound"},
        {"type": "AccessVerified", "reason": "ContainerNotFound"},
        {"type": "SecretsWritten", "reason": "ContainerNotFound"},
    ]

    assert unexplained({"status": {"conditions": conditions}}) == ["SecretsWritten has reason ContainerNotFound"]
