"""What a kubelet would give a pod: its environment and its projected token. The lab has no kubelet."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import LabError

TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 (a variable's name)

Pod = dict[str, Any]
Request = Callable[[str, int], str]
"""Requests a token of the pod's service account, for an audience and a number of seconds."""


def environment(pod: Pod, folder: Path, request: Request) -> dict[str, str]:
    """The AZURE_* variables of the pod's first container that has any.

    The token file is a real one in `folder`. Its token has the audience and the expiry of the volume that the webhook
    added. Raises LabError where the webhook added nothing.
    """
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for container in pod["spec"]["containers"]:
        variables = {
            entry["name"]: str(entry["value"])
            for entry in container.get("env", [])
            if entry["name"].startswith("AZURE_") and "value" in entry
        }
        if TOKEN_FILE in variables:
            source, path = _projection(pod, container, variables[TOKEN_FILE])
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(request(str(source.get("audience", "")), int(source.get("expirationSeconds", 3600))))
            return {**variables, TOKEN_FILE: str(file)}
    raise LabError(
        f"Pod {name} has no {TOKEN_FILE}. The webhook adds it to pods that have the label "
        'azure.workload.identity/use: "true" when they are created.'
    )


def _projection(pod: Pod, container: dict[str, Any], token_file: str) -> tuple[dict[str, Any], str]:
    """The serviceAccountToken source of a file in the container, and the file's path in its volume."""
    for mount in container.get("volumeMounts", []):
        if not PurePosixPath(token_file).is_relative_to(mount["mountPath"]):
            continue
        path = str(PurePosixPath(token_file).relative_to(mount["mountPath"]))
        volumes = [volume for volume in pod["spec"]["volumes"] if volume["name"] == mount["name"]]
        for source in (source for volume in volumes for source in volume.get("projected", {}).get("sources", [])):
            token = source.get("serviceAccountToken")
            if token and token["path"] == path:
                return token, path
    raise LabError(f"Pod {pod['metadata']['name']} has no projected token at {token_file}.")
