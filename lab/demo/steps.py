"""The seven steps. Each explains what happens, shows it, and checks it."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

import yaml

from lab.azure import seeded
from lab.demo import azure
from lab.demo.demonstration import NAME, NAMESPACE, WITHIN, Demonstration, poll_until
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
    "metadata": {"name": POD, "namespace": NAMESPACE, "labels": {"app": "toolbox", "release": "gitlab", LABEL: "true"}},
    "spec": {
        "serviceAccountName": "gitlab",
        "containers": [{"name": "toolbox", "image": "registry.gitlab.com/gitlab-org/build/cng/gitlab-toolbox-ee"}],
    },
}
CONTAINER_URL = f"https://{seeded.BLOB_ACCOUNT}.blob.core.windows.net/{seeded.BLOB_CONTAINER}"
AZCOPY = ("azcopy", "--log-level", "debug", "list", CONTAINER_URL)


@dataclass(frozen=True)
class AzureBefore:
    """What Azure contained before the first step. After the last one it must contain the same."""

    identities: set[str]
    assignments: dict[str, str]
    blobs: list[str]

    @classmethod
    def seen(cls, demo: Demonstration) -> "AzureBefore":
        azure.let_owner_read_blobs(demo.lab)
        return cls(azure.identities(demo.lab), azure.assignments(demo.lab), azure.blobs(demo.lab))


def apply_until_ready(demo: Demonstration) -> None:
    demo.terminal.heading(1, "One small resource")
    demo.terminal.explain("It names the storage account that GitLab shall use, and nothing else.")
    demo.kubectl("apply", "-f", EXAMPLE)
    began = time.monotonic()
    ready = False
    with demo.watching("-n", NAMESPACE, "get", "gai", "-w") as lines:
        for line in lines:
            ready = line.split()[1:2] == ["True"]
            if ready:
                break
    took = time.monotonic() - began
    demo.check(
        ready,
        f"Ready after {took:.1f} s, most of it Azure's own: a new credential and a new role take a moment to be known.",
        f"The resource was not Ready within {WITHIN} s:\n{demo.run_kubectl('-n', NAMESPACE, 'describe', 'gai', NAME)}",
    )


def azure_calls(demo: Demonstration) -> None:
    demo.terminal.heading(2, "The requests to Azure")
    demo.terminal.explain(
        "Every request that Azure received since then, and its answer. The last ones prove what GitLab may do: list, read,\n"
        "write, delete, and sign addresses. 404 and 412 mean that it is allowed: no blob fits, so nothing is written."
    )
    demo.terminal.command("python -m lab calls")
    calls = demo.lab.controls.calls()
    demo.terminal.output(table(("CALLER", "REQUEST", "STATUS", "CODE"), azure.call_rows(calls)))
    writes = azure.arm_calls(calls, writes=True)
    kinds = sorted(call.path.split("/")[-2] for call in writes)
    demo.check(
        kinds == ["federatedIdentityCredentials", "roleAssignments", "userAssignedIdentities"],
        "Exactly 3 writes: a managed identity, a federated identity credential, a role assignment.",
        f"Written were: {', '.join(kinds) or 'none'}",
    )
    reads = azure.arm_calls(calls, writes=False)
    blobs = [call for call in calls if call.method in ("PUT", "DELETE") and ".blob." in call.host]
    demo.check(
        bool(blobs) and all(call.status in (403, 412) for call in blobs),
        "The proof of access wrote nothing.",
        f"Written were: {', '.join(call.path for call in blobs if call.status not in (403, 412)) or 'none'}",
    )
    demo.check(
        len(reads) <= READS_AT_MOST,
        f"{len(reads)} reads of Azure Resource Manager, and never more than {READS_AT_MOST}.",
    )


def secrets(demo: Demonstration) -> None:
    demo.terminal.heading(3, "What GitLab's chart reads")
    demo.terminal.explain(
        "Three secrets without a storage key, and the service account with the managed identity's client ID."
    )
    for name in SECRETS:
        data = json.loads(demo.run_kubectl("-n", NAMESPACE, "get", "secret", name, "-o", "json"))["data"]
        for key, encoded in data.items():
            text = base64.b64decode(encoded).decode()
            command = f"get secret {name} -o jsonpath='{{.data.{key}}}' | base64 -d"
            demo.terminal.command(f"kubectl -n {NAMESPACE} {command}")
            demo.terminal.output(text)
            demo.check(seeded.BLOB_ACCOUNT in text, f"{name} names storage account {seeded.BLOB_ACCOUNT}.")
            found = [word for word in KEY_WORDS if word in text.lower()]
            demo.check(not found, "The secret holds no storage key.", f"The secret holds: {', '.join(found)}")
    account = "jsonpath={.metadata.annotations}"
    annotations = json.loads(demo.kubectl("-n", NAMESPACE, "get", "serviceaccount", "gitlab", "-o", account))
    client = demo.resource()["status"]["identity"]["clientId"]
    demo.check(
        annotations.get(ANNOTATION) == client,
        "The service account has the managed identity's client ID.",
        str(annotations),
    )


def pod(demo: Demonstration) -> dict[str, str]:
    """Create the toolbox pod. Returns its AZURE_* variables, with a real token file."""
    demo.terminal.heading(4, f'A toolbox pod with the label {LABEL}: "true"')
    demo.terminal.explain("The real webhook of azure-workload-identity changes the pod while it is created.")
    manifest = yaml.safe_dump(TOOLBOX, sort_keys=False)
    demo.terminal.command(f"kubectl apply -f - <<EOF\n{manifest}EOF")
    demo.terminal.output(demo.run_kubectl("apply", "-f", "-", stdin=manifest))
    lines = 'jsonpath={range .spec.containers[0].env[*]}{.name}={.value}{"\\n"}{end}'
    printed = demo.kubectl("-n", NAMESPACE, "get", "pod", POD, "-o", lines)
    variables = dict(line.split("=", 1) for line in printed.splitlines())
    missing = [name for name in INJECTED if name not in variables]
    demo.check(not missing, "All four variables were injected.", f"Missing: {', '.join(missing)}")
    client = demo.resource()["status"]["identity"]["clientId"]
    demo.check(variables["AZURE_CLIENT_ID"] == client, "The client ID is that of the managed identity.", client)
    return demo.lab.pod_env(NAMESPACE, POD)


def azcopy(demo: Demonstration, environment: dict[str, str]) -> None:
    demo.terminal.heading(5, "GitLab's own test, word for word")
    demo.terminal.explain("It runs with the pod's environment, and with the token that its volume would hold:")
    demo.terminal.command(f"python -m lab pod-env {NAMESPACE} {POD}")
    demo.terminal.output(exports(environment))
    _azcopy_lists(demo, environment)


def _azcopy(demo: Demonstration, environment: dict[str, str]) -> tuple[bool, str]:
    """Whether azcopy lists the container, and what it prints."""
    folder = str(demo.lab.dir / "azcopy")
    own = {
        "AZCOPY_AUTO_LOGIN_TYPE": "workload",
        "AZCOPY_LOG_LOCATION": folder,
        "AZCOPY_JOB_PLAN_LOCATION": folder,
        "AZCOPY_CONCURRENCY_VALUE": "2",
    }
    ran = demo.run_program([str(demo.lab.tool("azcopy")), *AZCOPY[1:]], {**environment, **own})
    return ran.returncode == 0, ran.stdout


def _show_azcopy(demo: Demonstration, printed: str) -> None:
    demo.terminal.command(f"AZCOPY_AUTO_LOGIN_TYPE=workload {' '.join(AZCOPY)}")
    demo.terminal.output(printed)


def _azcopy_lists(demo: Demonstration, environment: dict[str, str]) -> None:
    _, printed = poll_until(lambda: _azcopy(demo, environment), lambda answer: answer[0])
    _show_azcopy(demo, printed)
    demo.check(seeded.BLOB_NAME in printed, "azcopy lists the blobs.")


def doctor(demo: Demonstration, environment: dict[str, str], login: dict[str, str]) -> None:
    """Break a link, let `kubectl gai doctor` find it, and run the command that it names. `login` is a person's, to Azure."""
    demo.terminal.heading(6, "A link breaks, and the doctor finds it")
    _role_removed(demo, environment)
    _repaired(demo, _diagnosed(demo, login))
    _azcopy_lists(demo, environment)


def _role_removed(demo: Demonstration, environment: dict[str, str]) -> None:
    demo.terminal.explain("Somebody deletes the role assignment, without telling the operator.")
    principal = demo.resource()["status"]["identity"]["principalId"]
    ours = [id_ for id_, holder in azure.assignments(demo.lab).items() if holder == principal]
    for id_ in ours:
        demo.terminal.command(
            'curl -X DELETE -H "Authorization: Bearer $(python -m lab arm-token)" \\\n'
            f"  'https://management.azure.com{id_}?api-version=2022-04-01'"
        )
        azure.call_as_owner(demo.lab, "DELETE", id_)
    demo.check(len(ours) == 1, "The identity had exactly this one role assignment.", f"There were {len(ours)}.")
    listed, printed = poll_until(lambda: _azcopy(demo, environment), lambda answer: not answer[0])
    _show_azcopy(demo, "\n".join(line for line in printed.splitlines() if _is_refusal(line)))
    demo.check(not listed and "403" in printed, "azcopy is refused: 403.", printed)


def _is_refusal(line: str) -> bool:
    return line.startswith(("RESPONSE 403", "ERROR CODE"))


def _diagnosed(demo: Demonstration, login: dict[str, str]) -> str:
    """What the doctor finds, with a person's own login. Returns the command that mends it."""
    demo.terminal.explain(
        "\nA person asks what is wrong, with a login to Azure of their own, which may read the subscription."
    )
    demo.terminal.command(f"kubectl gai doctor {NAME} -n {NAMESPACE}")
    ran = demo.run_program([str(demo.lab.tool("kubectl")), "gai", "doctor", NAME, "-n", NAMESPACE], login)
    demo.terminal.output(ran.stdout)
    broken = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("  broken")]
    demo.check(broken == ["RolesAssigned"], "It finds the link that is broken, and no other.", ran.stdout)
    commands = [line.strip().removeprefix("$ ") for line in ran.stdout.splitlines() if line.strip().startswith("$ ")]
    demo.check(len(commands) == 1, "It names the command that mends it.", ran.stdout)
    return commands[0]


def _repaired(demo: Demonstration, command: str) -> None:
    demo.terminal.explain("\nThe operator looks at Azure every hour. The command asks for a look now.")
    demo.terminal.command(command)
    demo.terminal.output(demo.run_program(["sh", "-c", command], {}).stdout)
    asked = demo.resource()["metadata"]["annotations"]["gitlabazure.io/requested-at"]
    resource = poll_until(demo.resource, lambda found: _handled(found, asked))
    demo.check(_handled(resource, asked), "The operator answered, and the resource is Ready.", _conditions(resource))
    selector, columns = "reason=DriftRepaired", "custom-columns=REASON:.reason,MESSAGE:.message"
    events = demo.kubectl("-n", NAMESPACE, "get", "events", "--field-selector", selector, "-o", columns)
    demo.check("Storage Blob Data Contributor" in events, "An event says what was missing and is restored.", events)


def _handled(resource: dict[str, Any], asked: str) -> bool:
    status = resource["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"])
    return ready and status.get("lastHandledReconcileAt") == asked


def _conditions(resource: dict[str, Any]) -> str:
    rows = [
        (each["type"], each["status"], each["reason"], each["message"]) for each in resource["status"]["conditions"]
    ]
    return table(("CONDITION", "STATUS", "REASON", "MESSAGE"), rows)


def delete(demo: Demonstration, before: AzureBefore) -> None:
    demo.terminal.heading(7, "Deletion")
    demo.terminal.explain("The operator deletes what it created. Everything else stays.")
    demo.kubectl("delete", "-f", EXAMPLE, f"--timeout={WITHIN}s")
    left = azure.identities(demo.lab)
    demo.check(left == before.identities, "Azure has no managed identity of the resource any more.", f"Left: {left}")
    assignments = azure.assignments(demo.lab)
    demo.check(
        assignments == before.assignments,
        "The role assignments are the same as before the first step.",
        f"Now: {assignments}",
    )
    found = demo.run_kubectl(
        "-n", NAMESPACE, "get", "secret,configmap,serviceaccount", "-o", "name", "-l", "gitlabazure.io/owner"
    )
    demo.check(
        not found.strip(), "The cluster has no secret, config map or service account of the resource any more.", found
    )
    demo.check(azure.account_exists(demo.lab), f"Storage account {seeded.BLOB_ACCOUNT} exists.")
    now = azure.blobs(demo.lab)
    demo.check(
        now == before.blobs and now, f"Its blobs are unchanged: {', '.join(now)}.", f"There were: {before.blobs}"
    )
