"""`kubectl gai doctor`: what is wrong, why, and what mends it, seen with a person's own rights."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from lab.azure import seeded
from lab.running import Lab

from .behind import create, create_service_account, create_store, remove, until, until_matched
from .colleague import SECONDS, Colleague, publish_settings
from .operating import STORAGE, Operator
from .owner import assign, foreign_identity, stalled
from .pods import deploy, pods
from .resources import GitLab
from .test_access import READ_ONLY
from .watching import Object

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/azure-wi-webhook-mutating-webhook-configuration"


@pytest.fixture
def webhook(lab: Lab) -> Iterator[Object]:
    """The registration of the pod webhook, which is as before at the end."""
    before = lab.api.get(WEBHOOK)
    yield before
    if not lab.api.answers(WEBHOOK):
        lab.apply([_plain(before)])
    else:
        lab.api.patch(WEBHOOK, {"webhooks": before["webhooks"]})


def _plain(found: Object) -> Object:
    return {**found, "metadata": {"name": found["metadata"]["name"]}}


def problems(person: Colleague, gitlab: GitLab, *words: str) -> dict[str, Any]:
    """The problems that are found, by what they are about."""
    found = person.answer("doctor", gitlab.name, "-n", gitlab.namespace, *words)
    return {each["check"]: each for each in found["problems"]}


# worlds where nothing is wrong


def test_where_all_is_well_no_problem_is_found(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.clear_calls()

    ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace)

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    first, *rest = ran.stdout.splitlines()
    assert first == f"{gitlab.namespace}/gitlab: no problem"
    assert [line.split()[:2] for line in rest] == [
        ["ok", "IdentityReady"],
        ["ok", "CredentialsFederated"],
        ["ok", "RolesAssigned"],
        ["ok", "ServiceAccountsAnnotated"],
        ["ok", "SecretsWritten"],
        ["ok", "AccessVerified"],
        ["waits", "WorkloadsReady"],
        ["ok", "Webhook"],
        ["ok", "Clock"],
    ]
    writes = [
        call for call in gitlab.lab.controls.calls() if call.host.startswith("management.") and call.method != "GET"
    ]
    assert writes == []


def test_pods_that_carry_the_identity_are_well(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    deploy(gitlab, "webservice")
    gitlab.condition("WorkloadsReady", "True", "Current")
    (pod,) = pods(gitlab, "webservice")

    ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, "--pod", pod["metadata"]["name"])

    assert ran.returncode == 0, ran.stdout
    assert "ok        WorkloadsReady            The webservice pods carry the identity." in ran.stdout
    assert f"AZURE_CLIENT_ID: {gitlab.live()['status']['identity']['clientId']}" in ran.stdout


def deployed(gitlab: GitLab, component: str, *, label: str | None = "true", account: str | None = "gitlab") -> str:
    """A Deployment of that component, once its pod exists. Returns the pod's name."""
    deploy(gitlab, component, label=label, account=account)
    until(lambda: pods(gitlab, component), "its pod")
    (pod,) = pods(gitlab, component)
    return str(pod["metadata"]["name"])


def test_a_pod_that_uses_no_storage_lacks_nothing(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    name = deployed(gitlab, "kas", label=None)

    ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, "--pod", name)

    assert ran.returncode == 0, ran.stdout
    needs = "GitLab's registry, webservice, sidekiq and toolbox pods alone need one."
    assert f"Pod {name}  It has no identity, and {needs}" in ran.stdout


def test_access_that_the_resource_does_not_want_checked_is_checked_for_a_person(
    gitlab: GitLab, reader: Colleague
) -> None:
    gitlab.apply(verification="Disabled").ready()

    ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace)

    assert ran.returncode == 0, ran.stdout
    assert "ok        AccessVerified            1 service account exchanged a token at Entra." in ran.stdout


def test_a_secret_that_keeps_its_key_is_not_in_the_way_of_access(gitlab: GitLab, reader: Colleague) -> None:
    """As for the operator: the key waits for the pods, and access does not wait for the key."""
    rails = "provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: a2V5\n"
    handed_over = {"metadata": {"annotations": {"gitlabazure.io/adopt-by": "gitlab"}}}
    create(gitlab, "Secret", "gitlab-object-storage", {**handed_over, "stringData": {"connection": rails}})
    deployed(gitlab, "webservice", label=None, account=None)
    gitlab.apply()
    gitlab.condition("SecretsWritten", "False", "AwaitingWorkloads")

    found = reader.answer("doctor", "gitlab", "-n", gitlab.namespace)

    states = {one["check"]: one["state"] for one in found["checks"]}
    assert (states["SecretsWritten"], states["AccessVerified"]) == ("broken", "ok")


# names


def test_a_misspelt_container_is_answered_with_the_nearest(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply(storage={"accountName": "gitlabstore", "containers": {"lfs": {"name": "git-lsf"}}})
    gitlab.condition("AccessVerified", "False", "ContainerNotFound")

    found = problems(reader, gitlab)

    assert list(found) == ["AccessVerified"]
    assert "Did you mean git-lfs?" in found["AccessVerified"]["message"]
    assert found["AccessVerified"]["commands"][0] == (
        "az storage container create --auth-mode login --account-name gitlabstore --name git-lsf"
    )


def test_a_misspelt_account_is_answered_with_the_nearest(gitlab: GitLab, reader: Colleague) -> None:
    create_store(gitlab.lab, "storespelt")
    gitlab.apply(storage={"accountName": "storesplet"})
    gitlab.condition("Ready", "False")

    found = problems(reader, gitlab)

    assert list(found) == ["RolesAssigned"]
    assert found["RolesAssigned"]["details"] == ["There is no storage account storesplet. Did you mean storespelt?"]
    assert "az storage account list --query \"[?name=='storesplet'].id\"" in found["RolesAssigned"]["commands"]


def test_a_misspelt_service_account_is_answered_with_the_nearest(gitlab: GitLab, reader: Colleague) -> None:
    create_service_account(gitlab, "gitlab-app-nonroot")
    gitlab.apply(serviceAccounts=[{"name": "gitlab-app-noroot", "management": "Annotate"}])
    gitlab.condition("Ready", "False", "NotFound")

    found = problems(reader, gitlab)

    assert found["ServiceAccountsAnnotated"]["details"] == [
        "There is no service account gitlab-app-noroot. Did you mean gitlab-app-nonroot?"
    ]


def test_a_release_of_another_name_is_answered_with_the_one_that_has_pods(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    deploy(gitlab, "webservice", release="prod")
    until(lambda: pods(gitlab, "webservice", "prod"), "a pod of the other release")

    ran = reader.gai("doctor", gitlab.name, "-n", gitlab.namespace)

    assert ran.returncode == 0
    assert "There are pods of release prod. If it is meant, set spec.gitlab.release: prod" in ran.stdout


def test_an_account_of_another_resource_group_is_found_there(
    gitlab: GitLab, reader: Colleague, operator: Operator
) -> None:
    gitlab.apply(storage={"accountName": "gitlabstore", "resourceGroup": "rg-gitlab"})
    gitlab.condition("Ready", "False", "NotPermitted")

    assert "storageAccounts" in problems(reader, gitlab)["IdentityReady"]["message"]


def test_a_resource_group_that_does_not_exist(new_gitlab: Callable[..., GitLab], reader: Colleague) -> None:
    gitlab = new_gitlab("later-doctor")
    gitlab.apply(azure={"resourceGroup": "rg-later"})
    gitlab.condition("Ready", "False")

    found = problems(reader, gitlab)

    assert list(found) == ["IdentityReady"]
    assert found["IdentityReady"]["details"][0].startswith("There is no resource group rg-later. ")


# the token


def test_a_missing_slash_at_the_end_of_the_issuer_is_shown(gitlab: GitLab, reader: Colleague) -> None:
    with foreign_identity(gitlab.lab, "shared-3") as theirs:
        trusted = {
            "issuer": seeded.ISSUER.rstrip("/"),
            "subject": f"system:serviceaccount:{gitlab.namespace}:gitlab",
            "audiences": [seeded.AUDIENCE],
        }
        gitlab.azure("PUT", f"{theirs['id']}/federatedIdentityCredentials/by-hand", {"properties": trusted})
        gitlab.apply(identity={"name": "shared-3", "management": "Observe"})
        gitlab.condition("CredentialsFederated", "False", "NotFound")

        found = problems(reader, gitlab)

        assert list(found) == ["CredentialsFederated"]
        assert found["CredentialsFederated"]["details"] == [
            "No credential trusts service account gitlab. The nearest is by-hand:",
            f"issuer of the token:      {seeded.ISSUER}",
            f"issuer of the credential: {seeded.ISSUER.rstrip('/')}",
            f"{'':{25 + len(seeded.ISSUER)}}^ the slash at the end is missing",
        ]
        gitlab.delete()


def test_an_issuer_in_the_settings_that_is_not_the_clusters(
    gitlab: GitLab, reader: Colleague, operator: Operator
) -> None:
    operator.restart(issuer=seeded.ISSUER.rstrip("/"))
    publish_settings(gitlab.lab, issuer=seeded.ISSUER.rstrip("/"))
    gitlab.apply()
    gitlab.condition("AccessVerified", "False", "IssuerMismatch")

    found = problems(reader, gitlab)
    publish_settings(gitlab.lab)

    assert list(found) == ["AccessVerified"]
    assert "the slash at the end is missing" in found["AccessVerified"]["details"][-1]


# roles


def test_a_role_that_is_missing_now_is_told_with_what_the_operator_saw(
    gitlab: GitLab, reader: Colleague, operator: Operator
) -> None:
    gitlab.apply().ready()
    operator.stop()
    gitlab.remove_assignments()

    found = problems(reader, gitlab)

    assert list(found) == ["RolesAssigned"]
    assert found["RolesAssigned"]["message"] == (
        'Not done yet: role assignment "Storage Blob Data Contributor" at storage account gitlabstore.'
    )
    assert "The operator reports RolesAssigned=True" in found["RolesAssigned"]["details"][0]


def test_a_condition_on_the_role_is_shown(gitlab: GitLab, reader: Colleague, operator: Operator) -> None:
    operator.restart(propagationLimit=0)
    publish_settings(gitlab.lab, propagationLimit=0)
    create_store(gitlab.lab, "storeconditioned")
    with foreign_identity(gitlab.lab, "shared-4") as theirs:
        principal = theirs["properties"]["principalId"]
        conditioned = {"condition": READ_ONLY, "conditionVersion": "2.0"}
        scope = f"{STORAGE}/storeconditioned"
        assign(gitlab.lab, "Storage Blob Data Contributor", scope, principal, **conditioned)
        gitlab.apply(storage={"accountName": "storeconditioned"}, identity={"name": "shared-4"})
        gitlab.condition("AccessVerified", "False", "AccessDenied")

        found = problems(reader, gitlab)
        publish_settings(gitlab.lab)

        assert list(found) == ["AccessVerified"]
        assert found["AccessVerified"]["details"][0].endswith(f"has the condition: {READ_ONLY}")
        gitlab.delete()


# networks


def test_network_rules_are_told(gitlab: GitLab, reader: Colleague) -> None:
    create_store(gitlab.lab, "storewalled")
    gitlab.lab.controls.change_account("storewalled", networkAcls={"defaultAction": "Deny"})
    gitlab.apply(storage={"accountName": "storewalled"})
    gitlab.condition("AccessVerified", "False", "NetworkBlocked")

    found = problems(reader, gitlab)

    assert list(found) == ["AccessVerified"]
    assert "Its firewall admits only the networks that its rules name." in found["AccessVerified"]["message"]
    assert any("network-rule add --account-name storewalled" in each for each in found["AccessVerified"]["commands"])


# the webhook


def test_a_webhook_that_leaves_out_the_namespace(gitlab: GitLab, reader: Colleague, webhook: Object) -> None:
    gitlab.apply().ready()
    (one,) = webhook["webhooks"]
    excluding = {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [gitlab.namespace]}]
    }
    gitlab.lab.api.patch(WEBHOOK, {"webhooks": [{**one, "namespaceSelector": excluding}]})

    found = problems(reader, gitlab)

    assert list(found) == ["Webhook"]
    assert found["Webhook"]["message"].endswith(
        f"leaves out namespace {gitlab.namespace}: by its namespaceSelector label kubernetes.io/metadata.name must be none of "
        f"{gitlab.namespace}."
    )
    assert f"kubectl get namespace {gitlab.namespace} --show-labels" in found["Webhook"]["commands"]


def test_no_webhook_at_all(gitlab: GitLab, reader: Colleague, webhook: Object) -> None:
    gitlab.apply().ready()
    gitlab.lab.api.delete(WEBHOOK)

    found = problems(reader, gitlab)

    assert list(found) == ["Webhook"]
    assert found["Webhook"]["reason"] == "webhook-missing"
    assert "--enable-workload-identity" in " ".join(found["Webhook"]["commands"])


def test_a_webhook_without_a_pod(gitlab: GitLab, reader: Colleague, webhook: Object) -> None:
    gitlab.apply().ready()
    (one,) = webhook["webhooks"]
    service = {
        "service": {"namespace": "kube-system", "name": "azure-wi-webhook-webhook-service", "path": "/mutate-v1-pod"}
    }
    configuration = {**_plain(webhook), "webhooks": [{**one, "clientConfig": service}]}
    gitlab.lab.api.delete(WEBHOOK)
    gitlab.lab.apply([configuration])

    found = problems(reader, gitlab)

    assert list(found) == ["Webhook"]
    assert found["Webhook"]["reason"] == "webhook-silent"
    gitlab.lab.api.delete(WEBHOOK)


# a deletion


def test_of_a_deletion_that_is_blocked_the_obstacle_is_told(gitlab: GitLab, reader: Colleague) -> None:
    """And not what the deletion has removed."""
    gitlab.apply().ready()
    remove(gitlab, "rolebinding", "gitlab-azure-identity")
    gitlab.ask_to_delete()
    said = stalled(gitlab, "DeletionBlocked")

    found = problems(reader, gitlab)

    assert list(found) == ["Ready"]
    assert (found["Ready"]["reason"], found["Ready"]["message"]) == ("DeletionBlocked", said)
    gitlab.lab.admit_namespaces(gitlab.namespace)
    gitlab.until_gone()


# clocks


def test_a_clock_that_is_far_from_azures(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.set(clock=7200.0)

    found = problems(reader, gitlab)
    gitlab.lab.controls.set(clock=0.0)

    assert found["Clock"]["message"] == "The clock of the API server is 2 hours behind Azure's."
    assert "AADSTS700024" in found["AccessVerified"]["message"]


# GitLab's pods


def test_pods_without_the_identity_are_told_with_the_command(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    name = deployed(gitlab, "sidekiq", account=None)

    found = problems(reader, gitlab, "--pod", name)

    assert list(found) == ["WorkloadsReady", f"Pod {name}"]
    assert found["WorkloadsReady"]["reason"] == "WrongServiceAccount"
    assert "helm upgrade gitlab gitlab/gitlab" in found["WorkloadsReady"]["message"]
    assert "service account: default" in found[f"Pod {name}"]["details"]

    wrong = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, "--pod", name[:-1])
    assert wrong.returncode == 2
    assert f"Did you mean {name}?" in wrong.stderr


# the operator


def test_a_resource_that_no_operator_has_seen(gitlab: GitLab, reader: Colleague, operator: Operator) -> None:
    operator.stop()
    gitlab.apply()

    found = problems(reader, gitlab)

    assert list(found) == ["Ready"]
    assert found["Ready"]["reason"] == "no-status"
    assert "kubectl -n gitlab-azure-identity get pods" in found["Ready"]["commands"]


def test_what_the_operator_may_not_do_is_its_own_report(gitlab: GitLab, reader: Colleague) -> None:
    """A person sees that the role is missing. Only the operator knows why it does not assign it."""
    gitlab.lab.controls.add_fault(
        "PUT */roleAssignments/*", status=403, code="AuthorizationFailed", message="No.", times=1000
    )
    gitlab.apply()
    gitlab.condition("RolesAssigned", "False", "AuthorizationFailed")

    found = problems(reader, gitlab)

    assert list(found) == ["RolesAssigned"]
    assert found["RolesAssigned"]["reason"] == "AuthorizationFailed"
    assert found["RolesAssigned"]["details"] == [
        'Not done yet: role assignment "Storage Blob Data Contributor" at storage account gitlabstore.'
    ]


def test_a_suspended_resource(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply(suspend=True)
    gitlab.condition("Ready", "False", "Suspended")

    assert list(problems(reader, gitlab)) == ["Ready"]


# what a person may not see


def test_without_a_login_to_azure_the_access_is_proven_all_the_same(gitlab: GitLab, nobody: Colleague) -> None:
    gitlab.apply().ready()

    ran = nobody.gai("doctor", "gitlab", "-n", gitlab.namespace)

    assert (ran.returncode, ran.stderr) == (2, "")
    assert ran.stdout.splitlines()[0] == f"{gitlab.namespace}/gitlab: no problem in what you can see"
    assert "not seen  IdentityReady             You are not logged in to Azure: " in ran.stdout
    assert "ok        SecretsWritten" in ran.stdout
    assert "ok        AccessVerified            1 service account exchanged a token at Entra." in ran.stdout


def test_a_developer_of_the_namespace_sees_what_they_may(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    developer = reader.in_the_cluster("view", namespace=gitlab.namespace)

    ran = developer.gai("doctor", "gitlab", "-n", gitlab.namespace)

    assert (ran.returncode, ran.stderr) == (2, "")
    assert "ok        RolesAssigned" in ran.stdout
    assert "not seen  SecretsWritten            You may not read secret" in ran.stdout
    assert "not seen  AccessVerified            You may not create tokens for service account gitlab" in ran.stdout
    assert "The operator reports AccessVerified=True" in ran.stdout
    assert "not seen  Webhook                   You may not read the registration of webhooks" in ran.stdout
    assert "The operator may not" not in ran.stdout


def test_wrong_names_and_no_cluster(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply()

    assert "Did you mean gitlab?" in reader.gai("doctor", "gitlba", "-n", gitlab.namespace).stderr
    assert "There is no kubeconfig at /nowhere" in reader.gai("doctor", KUBECONFIG="/nowhere").stderr
    assert "has no context nowhere" in reader.gai("doctor", "--context", "nowhere").stderr
    assert "There is no GitLabAzureIdentity in namespace default" in reader.gai("doctor", "-n", "default").stderr


# terminals, pipes, programs


@pytest.mark.parametrize("columns", [80, 200])
def test_in_a_terminal_it_is_a_coloured_tree_of_its_width(gitlab: GitLab, reader: Colleague, columns: int) -> None:
    gitlab.apply(suspend=True)
    gitlab.condition("Ready", "False", "Suspended")
    terminal = reader.terminal("doctor", "-n", gitlab.namespace, columns=columns)
    plain = reader.terminal("doctor", "-n", gitlab.namespace, NO_COLOR="1")

    assert (terminal.ended(), plain.ended()) == (1, 1)
    assert COLOUR.search(terminal.text)
    assert not re.search(r"\x1b\[[0-9;]*3\d", plain.text)
    drawn, _, pasted = COLOUR.sub("", terminal.text).partition("To paste:")
    lines = drawn.splitlines()
    assert lines[0] == f"{gitlab.namespace}/gitlab: 1 problem"
    assert lines[1].startswith("├── ✗ Ready")
    assert max(map(len, lines)) <= columns
    assert all(line.startswith(("az ", "helm ", "kubectl ")) for line in pasted.split("\r\n") if line)


def test_for_a_program_it_is_one_object_for_a_name_and_a_list_without(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()

    one = reader.answer("doctor", "gitlab", "-n", gitlab.namespace)

    assert one["problems"] == []
    assert {each["state"] for each in one["checks"]} == {"ok", "waits"}
    assert reader.answer("doctor", "-n", gitlab.namespace) == [one]
    assert yaml.safe_load(reader.gai("doctor", "gitlab", "-n", gitlab.namespace, "-o", "yaml").stdout) == one


def test_ctrl_c_ends_it_quietly(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply(storage={"accountName": "storehangs"})
    gitlab.condition("Ready", "False")
    slow = "GET */subscriptions/*/providers/Microsoft.Storage/storageAccounts"
    gitlab.lab.controls.add_fault(slow, hang=True)
    terminal = reader.terminal("doctor", "gitlab", "-n", gitlab.namespace)
    until_matched(gitlab.lab, slow)
    os.kill(terminal.process.pid, signal.SIGINT)

    assert terminal.ended() == 130
    assert "Traceback" not in terminal.text


# the proof from within the cluster


class Kubelet:
    """What a kubelet does with the first new pod of a namespace that proves access, as far as the lab can: it starts the
    container's command, with the variables and a token of that very pod, and writes the container's end into the pod's status.
    The lab runs no containers: the image and the pods' network are left out, and the command runs as a process beside the
    cluster."""

    def __init__(self, gitlab: GitLab, *, waiting: str = "") -> None:
        self._gitlab, self._waiting = gitlab, waiting
        self.pod: Object = {}
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(SECONDS)

    def _serve(self) -> None:
        until(self._sees, "a pod that proves access", SECONDS)
        if self._waiting:
            state = {"waiting": {"reason": self._waiting, "message": "no such image"}}
        else:
            state = {"terminated": self._runs(self.pod["spec"]["containers"][0])}
        status = {"name": "proof", "ready": False, "image": "x", "imageID": "", "restartCount": 0, "state": state}
        path = self._gitlab.path("pod", self.pod["metadata"]["name"]) + "/status"
        self._gitlab.lab.api.patch(path, {"status": {"containerStatuses": [status]}})

    def _sees(self) -> bool:
        listed = self._gitlab.lab.api.get(self._gitlab.path("pod"))["items"]
        found = [each for each in listed if each["metadata"]["name"].startswith("gai-doctor-")]
        self.pod = found[0] if found else {}
        return bool(found)

    def _runs(self, container: Object) -> Object:
        lab, name = self._gitlab.lab, self.pod["metadata"]["name"]
        log = lab.dir / f"{name}.termination-log"
        program = Path(sys.executable).parent / container["command"][0]
        words = [str(log) if word == "/dev/termination-log" else word for word in container["args"]]
        variables = {**lab.through_proxy, **lab.pod_env(self._gitlab.namespace, name)}
        ran = subprocess.run([program, *words], env=variables, check=False, timeout=SECONDS)
        return {"exitCode": ran.returncode, "reason": "Completed", "message": log.read_text(encoding="utf-8")}


def restricted(gitlab: GitLab) -> None:
    """Only pods of the restricted Pod Security Standard are admitted to the namespace."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    gitlab.lab.api.patch(f"/api/v1/namespaces/{gitlab.namespace}", {"metadata": {"labels": labels}})


AS_POD = ("--as-pod", "--yes", "--image", "registry.example/gitlab-azure-identity:1")


def test_a_pod_of_gitlabs_service_account_proves_its_access_and_is_deleted(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    restricted(gitlab)

    with Kubelet(gitlab) as kubelet:
        ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, *AS_POD)

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert (
        "ok        As pod gitlab             1 service account exchanged a token at Entra. The identity may list"
        in ran.stdout
    )
    assert kubelet.pod["spec"]["serviceAccountName"] == "gitlab"
    assert not gitlab.exists("pod", kubelet.pod["metadata"]["name"])


def test_what_a_pod_is_refused_is_judged_as_the_operators_own_attempt(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply(storage={"accountName": "gitlabstore", "containers": {"lfs": {"name": "git-lsf"}}})
    gitlab.condition("AccessVerified", "False", "ContainerNotFound")

    with Kubelet(gitlab):
        found = problems(reader, gitlab, *AS_POD)

    assert list(found) == ["AccessVerified", "As pod gitlab"]
    assert found["As pod gitlab"]["message"] == found["AccessVerified"]["message"]


def test_a_pod_that_does_not_start_proves_nothing(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()

    with Kubelet(gitlab, waiting="ImagePullBackOff") as kubelet:
        ran = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, *AS_POD)

    assert ran.returncode == 2
    assert "Its container does not start, ImagePullBackOff: no such image" in ran.stdout
    assert not gitlab.exists("pod", kubelet.pod["metadata"]["name"])


def test_a_webhook_that_does_not_change_the_pod_is_told_at_once(
    gitlab: GitLab, reader: Colleague, webhook: Object
) -> None:
    gitlab.apply().ready()
    gitlab.lab.api.delete(WEBHOOK)

    found = problems(reader, gitlab, *AS_POD)

    assert list(found) == ["Webhook", "As pod gitlab"]
    assert found["As pod gitlab"]["reason"] == "NotInjected"


def test_it_asks_first_and_creates_nothing_when_nobody_agrees(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    words = ("doctor", "gitlab", "-n", gitlab.namespace, "--as-pod", "--image", "x")

    piped = reader.gai(*words)
    terminal = reader.terminal(*words, columns=200)
    terminal.until(lambda text: "[y/N]" in text)
    asked = COLOUR.sub("", terminal.text)
    terminal.types("n\n")

    assert piped.returncode == 2
    assert "not seen  As pod " in piped.stdout
    assert "add --yes" in piped.stdout
    assert (
        f"Create 1 pod in namespace {gitlab.namespace}, as service account gitlab, of image x, and delete it" in asked
    )
    assert terminal.ended() == 2
    assert gitlab.lab.api.get(gitlab.path("pod"))["items"] == []
    unknown = reader.gai("doctor", "gitlab", "-n", gitlab.namespace, "--as-pod", "--yes")
    assert "Name one with --image." in unknown.stdout
    assert "are for --as-pod" in reader.gai("doctor", "--yes").stderr


def test_ctrl_c_deletes_the_pod(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()
    terminal = reader.terminal("doctor", "gitlab", "-n", gitlab.namespace, *AS_POD)
    until(lambda: gitlab.lab.api.get(gitlab.path("pod"))["items"], "the pod", SECONDS)
    os.kill(terminal.process.pid, signal.SIGINT)

    assert terminal.ended() == 130
    assert gitlab.lab.api.get(gitlab.path("pod"))["items"] == []
