"""How commands are found where people are told them: tests/docs/commands.py."""

import pytest

from .commands import in_a_sentence, in_markdown, in_python, in_template, normal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    kubectl get gai      # all of them\n", ["kubectl get gai"]),
        ("```sh\naz group list \\\n  --output table\naz login\n```\n", ["az group list --output table", "az login"]),
        ("    kubectl get cm x |\n      helm upgrade x y -f -\n", ["kubectl get cm x | helm upgrade x y -f -"]),
        ("1. So:\n\n       $ helm list\n", ["helm list"]),
        ("    id=$(az group show --name x)\n", ["id=$(az group show --name x)"]),
        ("    KEY=a azcopy list x\n", ["KEY=a azcopy list x"]),
        ("    gitlab   False   Create it: az group create --name x\n", ["az group create --name x"]),
        ("Run `kubectl get\ngai` or `az login`.\n", ["kubectl get gai", "az login"]),
        ("It is `--set kubectl=x`, `kubectl`, `mykubectl get`, or kubectl get.\n", []),
        ("    kubectl apply -f - <<EOF\n    kind: X\n    EOF\n", ["kubectl apply -f - <<EOF kind: X EOF"]),
    ],
)
def test_in_a_page(text: str, found: list[str]) -> None:
    assert [normal(command) for command in in_markdown(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Create it: az group create --name x. Then wait.", ["az group create --name x"]),
        ("Enable it (az aks update --name x), or leave it.", ["az aks update --name x"]),
        ("Run kubectl get pods -n x, and look.", ["kubectl get pods -n x"]),
        ("Restart them, with kubectl rollout restart deployment x", ["kubectl rollout restart deployment x"]),
        ("Ask whoever runs kubectl.", []),
    ],
)
def test_in_a_sentence(text: str, found: list[str]) -> None:
    assert list(in_a_sentence(text)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('say(f"Do: az group show "\n    f"--name {group.name}")', ["az group show --name {}"]),
        ('TABLE = {"X": "{detail} Do: az lock list --resource-group {group}"}', ["az lock list --resource-group {}"]),
        ('"""A module about az group list."""', []),
    ],
)
def test_in_the_operators_messages(source: str, found: list[str]) -> None:
    assert list(in_python(source)) == found


def test_in_the_charts_notes() -> None:
    notes = "Then:\n\n  az login --tenant {{ .Values.azure.tenantId }} \\\n    --output none\n"
    assert [normal(command) for command in in_template(notes)] == ["az login --tenant {} --output none"]
