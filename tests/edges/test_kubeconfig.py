"""Which cluster a person means: the files, the context and the namespace that kubectl takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitlab_azure_identity.kube.kubeconfig import find


def written(folder: Path, name: str, *contexts: str, current: str | None = None, **namespaces: str) -> str:
    content: dict[str, Any] = {
        "contexts": [
            {"name": each, "context": {"cluster": "c", "user": "u", "namespace": namespaces.get(each)}}
            for each in contexts
        ]
    }
    if current:
        content["current-context"] = current
    (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(folder / name)


def test_the_current_context_counts_and_its_namespace(tmp_path: Path) -> None:
    found = find(None, {"KUBECONFIG": written(tmp_path, "one", "a", "b", current="b", b="prod")})
    assert (found.context, found.namespace) == ("b", "prod")


def test_a_context_that_is_named_counts_before_it_and_has_the_namespace_default(tmp_path: Path) -> None:
    found = find("a", {"KUBECONFIG": written(tmp_path, "one", "a", "b", current="b")})
    assert (found.context, found.namespace) == ("a", "default")


def test_a_named_context_needs_no_current_one(tmp_path: Path) -> None:
    assert find("a", {"KUBECONFIG": written(tmp_path, "one", "a")}).context == "a"


def test_of_several_files_the_first_counts_and_missing_ones_do_not(tmp_path: Path) -> None:
    first, second = (
        written(tmp_path, "1", "a", current="a", a="x"),
        written(tmp_path, "2", "a", "b", current="b", a="y"),
    )
    found = find(None, {"KUBECONFIG": f"{tmp_path}/missing:{first}::{second}"})
    assert (found.paths, found.context, found.namespace) == (f"{first}:{second}", "a", "x")


def test_without_the_variable_it_is_the_file_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    path = written(tmp_path / ".kube", "config", "a", current="a")
    assert find(None, {}).paths == path


@pytest.mark.parametrize(
    ("content", "context", "said"),
    [
        (None, None, "There is no kubeconfig at {file}. Set KUBECONFIG"),
        ({"contexts": [{"name": "prod"}]}, None, "has no current context. Name one with --context: prod."),
        ({"contexts": [{"name": "prod"}]}, "prd", "has no context prd. Did you mean prod?"),
        ({"contexts": [{"name": "prod"}]}, "xyz", "has no context xyz. It has: prod."),
        ({}, "xyz", "has no context xyz. It has: none."),
        ([], None, "{file} is no kubeconfig."),
        ({"contexts": [{}]}, None, "{file} is no kubeconfig."),
        ({"contexts": [{"name": "prod", "context": "c"}]}, None, "{file} is no kubeconfig."),
        ("a: [", None, "The kubeconfig {file} cannot be read: while parsing"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_do(
    content: Mapping[str, Any] | list[Any] | str | None, context: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"kubeconfig") as raised:
        find(context, {"KUBECONFIG": str(file)})
    assert said.format(file=file) in str(raised.value)


def test_a_file_that_may_not_be_looked_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user's ~/.kube/config after `sudo --user`. The tests may run as root, who may look at everything."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refused)
    monkeypatch.setattr(Path, "read_text", refused)

    with pytest.raises(ValueError, match=r"/home/another/[.]kube/config cannot be read: .*Permission denied"):
        find(None, {"KUBECONFIG": "/home/another/.kube/config"})


def test_without_a_home_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a number without a name."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)

    with pytest.raises(ValueError, match="There is no kubeconfig at"):
        find(None, {})
