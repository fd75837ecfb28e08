"""What is committed to Git and what is in the cluster do not differ, whatever the operator writes: docs/gitops.md."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab.places import ROOT
from tests.docs.markdown import pages
from tests.docs.resources import is_our_kind

from .resources import GitLab
from .watching import Object

CLIENT_SIDE = ("apply",)
# Both compare what a server-side apply by force would leave, as a dry run, with what is live.
AS_FLUX = ("apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller")
AS_ARGO = ("apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller")


def committed() -> Iterator[Any]:
    """Every resource in README.md, docs/ and examples/, each once."""
    texts = [(file.name, [file.read_text(encoding="utf-8")]) for file in sorted((ROOT / "examples").iterdir())]
    texts += [(page.name, page.blocks("yaml")) for page in pages()]
    seen: list[Object] = []
    for name, blocks in texts:
        for document in (document for block in blocks for document in yaml.safe_load_all(block)):
            if is_our_kind(document) and document not in seen:
                seen.append(document)
                yield pytest.param(document, id=f"{name}-{len(seen)}")


def test_the_examples_are_found() -> None:
    assert len(list(committed())) >= 4


@pytest.mark.parametrize("manifest", list(committed()))
def test_what_is_committed_does_not_differ_from_what_is_live(manifest: Object, gitlab: GitLab) -> None:
    gitlab.name = manifest["metadata"]["name"]
    text = json.dumps({**manifest, "metadata": {**manifest["metadata"], "namespace": gitlab.namespace}})
    gitlab.lab.kubectl("apply", "-f", "-", stdin=text)
    # Some lack a container of theirs: they are told so, and are no drift either.
    gitlab.until(reported)
    assert gitlab.live()["metadata"]["finalizers"]

    assert gitlab.lab.kubectl("diff", "-f", "-", stdin=text) == ""
    # What Argo CD compares unless it is told to use server-side diff: the last applied, the committed and the live object.
    applied = gitlab.lab.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    assert applied == f"gitlabazureidentity.gitlabazure.io/{gitlab.name} unchanged (server dry run)\n"
    for command in (CLIENT_SIDE, AS_FLUX, AS_ARGO):
        assert without_owners(predicted(gitlab, command, text)) == without_owners(gitlab.live()), command


def reported(found: Object) -> bool:
    """Whether the operator has made a pass and said what came of it."""
    conditions = found.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["reason"] not in ("Progressing", "Pending") for c in conditions)


def predicted(gitlab: GitLab, command: tuple[str, ...], text: str) -> Object:
    """The object as the command would leave it."""
    shown: Object = json.loads(gitlab.lab.kubectl(*command, "--dry-run=server", "-o", "json", "-f", "-", stdin=text))
    return shown


def without_owners(found: Object) -> Object:
    """Argo CD and Flux leave out who owns which field: `metadata.managedFields`."""
    return {**found, "metadata": {k: v for k, v in found["metadata"].items() if k != "managedFields"}}
