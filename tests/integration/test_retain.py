"""What outlives the resource: Retain, abandon, and a status that was lost."""

from tests.invariants import seen

from .behind import (
    MANAGED_IDENTITY_CONTRIBUTOR,
    OBJECTS,
    annotations,
    annotations_for,
    create,
    grant_operator,
    patch,
    patch_status,
    reasons,
    remove,
    until,
)
from .operating import GROUP, POLICY, SUBSCRIPTION, Operator
from .resources import GitLab


def uids(gitlab: GitLab) -> dict[str, str]:
    return {f"{kind}/{name}": gitlab.fetch(kind, name)["metadata"]["uid"] for kind, name in OBJECTS}


def in_azure(gitlab: GitLab, principal: str, identity: str) -> object:
    return (
        [(each["id"], each["tags"], each["properties"]) for each in gitlab.identities()],
        gitlab.credentials(identity),
        gitlab.assignments(principal=principal),
    )


def collect_garbage(gitlab: GitLab) -> None:
    """Wait until the garbage collector has deleted an object whose owner no longer exists. It has then seen every other such
    object."""
    owner = create(gitlab, "ConfigMap", "canary-owner", {})["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]}
    create(gitlab, "ConfigMap", "canary", {"metadata": {"ownerReferences": [reference]}})
    remove(gitlab, "configmap", "canary-owner")
    until(lambda: not gitlab.exists("configmap", "canary"), "the canary is collected", seconds=60)


def test_retained_everything_stays_and_keeps_working(gitlab: GitLab) -> None:
    identity = gitlab.apply(deletionPolicy="Retain").ready()["status"]["identity"]
    before = (uids(gitlab), in_azure(gitlab, identity["principalId"], identity["name"]))

    gitlab.delete()
    collect_garbage(gitlab)

    assert (uids(gitlab), in_azure(gitlab, identity["principalId"], identity["name"])) == before
    assert annotations(gitlab) == annotations_for(identity["clientId"])
    assert "deletionPolicy is Retain: everything stays, in Azure and in the cluster." in [
        event["message"] for event in gitlab.events()
    ]

    gitlab.apply().ready()  # so that it is deleted at the end


def test_retained_and_created_again_it_finds_its_own_objects(gitlab: GitLab) -> None:
    before = gitlab.apply(deletionPolicy="Retain").ready()["status"]
    objects = uids(gitlab)
    gitlab.delete()
    gitlab.lab.controls.clear_calls()

    after = gitlab.apply().ready()["status"]

    assert gitlab.writes() == []
    assert {**after, "conditions": []} == {**before, "conditions": []}
    assert uids(gitlab) == objects
    gitlab.delete()
    assert gitlab.identities() == []
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []


def test_retained_may_still_be_chosen_at_the_last_moment(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    patch(gitlab, "gai", "gitlab", {"spec": {"deletionPolicy": "Retain"}})

    gitlab.delete()

    assert len(gitlab.identities()) == 1
    assert gitlab.exists("serviceaccount", "gitlab")
    gitlab.apply().ready()


def test_abandoned_it_leaves_everything(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.annotate("gitlabazure.io/abandon=true")

    gitlab.delete()

    assert len(gitlab.identities()) == 1
    assert "Abandoned" in reasons(gitlab)
    gitlab.apply().ready()


def test_after_a_lost_status_everything_is_found_by_its_tags(gitlab: GitLab) -> None:
    """As after a restore from a backup, which leaves the status out."""
    before = gitlab.apply().ready()["status"]
    gitlab.lab.controls.clear_calls()

    patch_status(gitlab, None)
    gitlab.until(lambda found: not seen(found))
    gitlab.annotate("gitlabazure.io/requested-at=look")
    after = gitlab.ready()["status"]

    assert gitlab.writes() == []
    same = ("identity", "federatedCredentials", "roleAssignments", "serviceAccounts", "secrets", "valuesConfigMap")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_a_lost_status_while_the_settings_changed(gitlab: GitLab, operator: Operator) -> None:
    """The identity stays where its tags are found, though the settings would now put it in another resource group."""
    before = gitlab.apply().ready()["status"]["identity"]
    new_group = f"{SUBSCRIPTION}/resourceGroups/rg-new"
    assert gitlab.azure("PUT", new_group, {"location": "westeurope"})[0] in (200, 201)
    grant_operator(gitlab.lab, MANAGED_IDENTITY_CONTRIBUTOR, new_group)
    operator.stop()
    patch_status(gitlab, None)
    defaults = {"resourceGroup": "rg-new", "storageResourceGroup": "rg-storage", "location": "westeurope"}
    rule = POLICY[0]
    both = {**rule, "identities": {"resourceGroups": [GROUP, new_group]}}
    operator.start(defaults={"subscriptionId": SUBSCRIPTION.rpartition("/")[2], **defaults}, policy=[both])

    after = gitlab.ready()["status"]["identity"]

    assert after == before
    assert len(gitlab.identities()) == 1


def test_a_lost_status_and_a_deletion_at_once_leave_no_orphan(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "gitlab-registry"}]).ready()
    principal = gitlab.principal
    operator.stop()
    patch_status(gitlab, None)
    gitlab.ask_to_delete()
    operator.start()

    gitlab.until_gone()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []
    assert not gitlab.exists("serviceaccount", "gitlab-registry")


def test_a_status_that_somebody_forged_moves_nothing(gitlab: GitLab) -> None:
    """The place in the status does not lead to another identity: an identity with other tags is not ours."""
    before = gitlab.apply().ready()["status"]["identity"]
    forged = before["resourceId"].replace("rg-gitlab", "rg-platform").rpartition("/")[0]
    forged += "/gitlab-azure-identity-operator"
    patch_status(gitlab, {"identity": {"resourceId": forged}})
    gitlab.lab.controls.clear_calls()

    gitlab.annotate("gitlabazure.io/requested-at=look")
    gitlab.condition("Ready", "False", "NotPermitted")

    assert gitlab.writes() == []
    patch_status(gitlab, {"identity": None})
    gitlab.annotate("gitlabazure.io/requested-at=again")
    assert gitlab.ready()["status"]["identity"] == before
