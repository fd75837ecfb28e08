"""The six steps. Each tells what happens, shows it, and holds it to what it should be."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

import yaml

from lab.azure import fixed
from lab.demo import azure
from lab.demo.stage import NAME, NAMESPACE, WITHIN, Stage, until
from lab.envfile import exports
from lab.table import table

EXAMPLE = "examples/gitlab.yaml"
READS_AT_MOST = 3
SECRETS = ("gitlab-registry-storage", "gitlab-object-storage", "gitlab-azure-backup-conf")
KEY_WORDS = ("accountkey", "access_key", "sastoken", "sharedaccess")
INJECTED = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST")
LABEL = "azure.workload.identity/use"
ANNOTATION = "azure.workload.identity/client-id"
POD = "gitlab-toolbox"
TOOLBOX = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": POD, "namespace": NAMESPACE, "labels": {"app": "toolbox", LABEL: "true"}},
    "spec": {
        "serviceAccountName": "gitlab",
        "containers": [{"name": "toolbox", "image": "registry.gitlab.com/gitlab-org/build/cng/gitlab-toolbox-ee"}],
    },
}
CONTAINER_URL = f"https://{fixed.BLOB_ACCOUNT}.blob.core.windows.net/{fixed.BLOB_CONTAINER}"
AZCOPY = ("azcopy", "--log-level", "debug", "list", CONTAINER_URL)


@dataclass(frozen=True)
class World:
    """Azure before the first step: the last one must find it again."""

    identities: set[str]
    assignments: dict[str, str]
    blobs: list[str]

    @classmethod
    def seen(cls, stage: Stage) -> "World":
        azure.let_owner_read_blobs(stage.lab)
        return cls(azure.identities(stage.lab), azure.assignments(stage.lab), azure.blobs(stage.lab))


def apply_until_ready(stage: Stage) -> None:
    stage.terminal.heading(1, "One small resource")
    stage.terminal.tell("It names the storage account that GitLab shall use, and nothing else.")
    stage.kubectl("apply", "-f", EXAMPLE)
    began = time.monotonic()
    ready = False
    with stage.watching("-n", NAMESPACE, "get", "gai", "-w") as lines:
        for line in lines:
            ready = line.split()[1:2] == ["True"]
            if ready:
                break
    took = time.monotonic() - began
    stage.hold(
        ready,
        f"Ready after {took:.1f} s, most of it Azure's own: a new credential and a new role take a moment to be known.",
        f"It was not Ready within {WITHIN} s:\n{stage.quietly('-n', NAMESPACE, 'describe', 'gai', NAME)}",
    )


def azure_calls(stage: Stage) -> None:
    stage.terminal.heading(2, "What that took in Azure")
    stage.terminal.tell(
        "Every request Azure saw since then, and its answer. The last ones are made as GitLab will make them."
    )
    stage.terminal.command("python -m lab calls")
    calls = stage.lab.controls.calls()
    stage.terminal.output(table(("CALLER", "REQUEST", "STATUS", "CODE"), azure.told(calls)))
    writes = azure.arm_calls(calls, writes=True)
    kinds = sorted(call.path.split("/")[-2] for call in writes)
    stage.hold(
        kinds == ["federatedIdentityCredentials", "roleAssignments", "userAssignedIdentities"],
        "Exactly 3 writes: a managed identity, a federated identity credential, a role assignment.",
        f"Written were: {', '.join(kinds) or 'none'}",
    )
    reads = azure.arm_calls(calls, writes=False)
    stage.hold(
        len(reads) <= READS_AT_MOST,
        f"{len(reads)} reads of Azure Resource Manager, and never more than {READS_AT_MOST}.",
    )


def secrets(stage: Stage) -> None:
    stage.terminal.heading(3, "What GitLab's chart takes from it")
    stage.terminal.tell("Three secrets without a key in them, and the service account that says whose token is whose.")
    for name in SECRETS:
        data = json.loads(stage.quietly("-n", NAMESPACE, "get", "secret", name, "-o", "json"))["data"]
        for key, encoded in data.items():
            text = base64.b64decode(encoded).decode()
            command = f"get secret {name} -o jsonpath='{{.data.{key}}}' | base64 -d"
            stage.terminal.command(f"kubectl -n {NAMESPACE} {command}")
            stage.terminal.output(text)
            stage.hold(fixed.BLOB_ACCOUNT in text, f"{name} names storage account {fixed.BLOB_ACCOUNT}.")
            found = [word for word in KEY_WORDS if word in text.lower()]
            stage.hold(not found, "It holds no storage key.", f"It holds: {', '.join(found)}")
    account = "jsonpath={.metadata.annotations}"
    annotations = json.loads(stage.kubectl("-n", NAMESPACE, "get", "serviceaccount", "gitlab", "-o", account))
    client = stage.resource()["status"]["identity"]["clientId"]
    stage.hold(annotations.get(ANNOTATION) == client, "It carries the managed identity's client ID.", str(annotations))


def pod(stage: Stage) -> dict[str, str]:
    """Make the toolbox pod; its AZURE_* variables, with a real token file."""
    stage.terminal.heading(4, f'A toolbox pod with the label {LABEL}: "true"')
    stage.terminal.tell("The webhook of azure-workload-identity, the real one, changes it on its way into the cluster.")
    manifest = yaml.safe_dump(TOOLBOX, sort_keys=False)
    stage.terminal.command(f"kubectl apply -f - <<EOF\n{manifest}EOF")
    stage.terminal.output(stage.quietly("apply", "-f", "-", stdin=manifest))
    lines = 'jsonpath={range .spec.containers[0].env[*]}{.name}={.value}{"\\n"}{end}'
    printed = stage.kubectl("-n", NAMESPACE, "get", "pod", POD, "-o", lines)
    variables = dict(line.split("=", 1) for line in printed.splitlines())
    missing = [name for name in INJECTED if name not in variables]
    stage.hold(not missing, "All four variables were injected.", f"Missing: {', '.join(missing)}")
    client = stage.resource()["status"]["identity"]["clientId"]
    stage.hold(variables["AZURE_CLIENT_ID"] == client, "The client ID is that of the managed identity.", client)
    return stage.lab.pod_env(NAMESPACE, POD)


def azcopy(stage: Stage, environment: dict[str, str]) -> None:
    stage.terminal.heading(5, "GitLab's own test, word for word")
    stage.terminal.tell("With the pod's environment and the token that its volume would hold:")
    stage.terminal.command(f"python -m lab pod-env {NAMESPACE} {POD}")
    stage.terminal.output(exports(environment))
    _azcopy_lists(stage, environment)
    _role_removed(stage, environment)
    _repaired(stage)
    _azcopy_lists(stage, environment)


def _azcopy(stage: Stage, environment: dict[str, str]) -> tuple[bool, str]:
    """Whether azcopy lists the container, and what it prints."""
    folder = str(stage.lab.dir / "azcopy")
    own = {
        "AZCOPY_AUTO_LOGIN_TYPE": "workload",
        "AZCOPY_LOG_LOCATION": folder,
        "AZCOPY_JOB_PLAN_LOCATION": folder,
        "AZCOPY_CONCURRENCY_VALUE": "2",
    }
    ran = stage.run([str(stage.lab.tool("azcopy")), *AZCOPY[1:]], {**environment, **own})
    return ran.returncode == 0, ran.stdout


def _show_azcopy(stage: Stage, printed: str) -> None:
    stage.terminal.command(f"AZCOPY_AUTO_LOGIN_TYPE=workload {' '.join(AZCOPY)}")
    stage.terminal.output(printed)


def _azcopy_lists(stage: Stage, environment: dict[str, str]) -> None:
    _, printed = until(lambda: _azcopy(stage, environment), lambda answer: answer[0])
    _show_azcopy(stage, printed)
    stage.hold(fixed.BLOB_NAME in printed, "azcopy lists the blobs.")


def _role_removed(stage: Stage, environment: dict[str, str]) -> None:
    stage.terminal.tell("\nNow someone removes the role assignment behind the operator's back.")
    principal = stage.resource()["status"]["identity"]["principalId"]
    ours = [id_ for id_, holder in azure.assignments(stage.lab).items() if holder == principal]
    for id_ in ours:
        stage.terminal.command(
            'curl -X DELETE -H "Authorization: Bearer $(python -m lab arm-token)" \\\n'
            f"  'https://management.azure.com{id_}?api-version=2022-04-01'"
        )
        azure.ask(stage.lab, "DELETE", id_)
    stage.hold(len(ours) == 1, "It was the only one of this identity.", f"There were {len(ours)}.")
    listed, printed = until(lambda: _azcopy(stage, environment), lambda answer: not answer[0])
    _show_azcopy(stage, "\n".join(line for line in printed.splitlines() if _tells_refusal(line)))
    stage.hold(not listed and "403" in printed, "azcopy is refused: 403.", printed)


def _tells_refusal(line: str) -> bool:
    return line.startswith(("RESPONSE 403", "ERROR CODE"))


def _repaired(stage: Stage) -> None:
    stage.terminal.tell("\nThe operator looks every hour. It can be asked to look now.")
    asked = str(time.time_ns())
    stage.kubectl("-n", NAMESPACE, "annotate", "gai", NAME, f"gitlabazure.io/requested-at={asked}", "--overwrite")
    resource = until(stage.resource, lambda found: _handled(found, asked))
    stage.hold(_handled(resource, asked), "The operator answered, and the resource is Ready.", _conditions(resource))
    selector, columns = "reason=DriftRepaired", "custom-columns=REASON:.reason,MESSAGE:.message"
    events = stage.kubectl("-n", NAMESPACE, "get", "events", "--field-selector", selector, "-o", columns)
    stage.hold("Storage Blob Data Contributor" in events, "An event says what was missing and was restored.", events)


def _handled(resource: dict[str, Any], asked: str) -> bool:
    status = resource["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"])
    return ready and status.get("lastHandledReconcileAt") == asked


def _conditions(resource: dict[str, Any]) -> str:
    rows = [
        (each["type"], each["status"], each["reason"], each["message"]) for each in resource["status"]["conditions"]
    ]
    return table(("CONDITION", "STATUS", "REASON", "MESSAGE"), rows)


def delete(stage: Stage, before: World) -> None:
    stage.terminal.heading(6, "And away")
    stage.terminal.tell("What the operator made goes; what it did not make stays.")
    stage.kubectl("delete", "-f", EXAMPLE, f"--timeout={WITHIN}s")
    left = azure.identities(stage.lab)
    stage.hold(left == before.identities, "Azure holds no managed identity of ours any more.", f"Left: {left}")
    assignments = azure.assignments(stage.lab)
    stage.hold(assignments == before.assignments, "The role assignments are those of before.", f"Now: {assignments}")
    found = stage.quietly(
        "-n", NAMESPACE, "get", "secret,configmap,serviceaccount", "-o", "name", "-l", "gitlabazure.io/owner"
    )
    stage.hold(not found.strip(), "No secret, config map or service account of ours is left in the cluster.", found)
    stage.hold(azure.account_stands(stage.lab), f"Storage account {fixed.BLOB_ACCOUNT} stands,")
    now = azure.blobs(stage.lab)
    stage.hold(
        now == before.blobs and now, f"and its blobs are untouched: {', '.join(now)}.", f"There were: {before.blobs}"
    )
