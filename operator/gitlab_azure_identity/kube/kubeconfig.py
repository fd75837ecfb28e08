"""Which cluster a person means: the kubeconfig that kubectl finds, and a context of it."""

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Kubeconfig:
    """Files, as KUBECONFIG names them, and the context in them that is used."""

    paths: str
    context: str
    namespace: str  # the context's, else default


def find(context: str | None, variables: Mapping[str, str] = os.environ) -> Kubeconfig:
    """The kubeconfig that kubectl would use: the existing files of KUBECONFIG, else ~/.kube/config. Of a name that several files
    give, the first counts (Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files"). Raises ValueError when
    there is none, or when it does not have the context."""
    given = variables.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")  # noqa: PTH111 - Path raises without a home
    files = [each for each in given.split(os.pathsep) if each and _is_there(each)]
    if not files:
        raise ValueError(f"There is no kubeconfig at {given}. Set KUBECONFIG to the file that names your cluster.")
    paths, current, known = os.pathsep.join(files), context, dict[str, Any]()
    for file in files:
        content = _content(file)
        current = current or content.get("current-context")
        for each in content.get("contexts") or ():
            known.setdefault(str(each["name"]), each.get("context") or {})
    if not current:
        raise ValueError(f"The kubeconfig {paths} has no current context. Name one with --context: {_listed(known)}.")
    if current not in known:
        near = difflib.get_close_matches(current, known, 1)
        advice = f"Did you mean {near[0]}?" if near else f"It has: {_listed(known)}."
        raise ValueError(f"The kubeconfig {paths} has no context {current}. {advice}")
    return Kubeconfig(paths, current, str(known[current].get("namespace") or "default"))


def _is_there(file: str) -> bool:
    """Whether a file exists. One that may not be looked at counts: reading it tells why."""
    try:
        return Path(file).exists()
    except OSError:
        return True


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _content(file: str) -> dict[str, Any]:
    """Raises ValueError."""
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"The kubeconfig {file} cannot be read: {' '.join(str(error).split())}.") from error
    contexts = content.get("contexts") or [] if isinstance(content, dict) else None
    if not isinstance(contexts, list) or not all(map(_is_context, contexts)):
        raise ValueError(f"{file} is no kubeconfig. Correct it, or set KUBECONFIG to another file.")
    return dict(content)


def _is_context(entry: Any) -> bool:
    return isinstance(entry, dict) and "name" in entry and isinstance(entry.get("context") or {}, dict)
