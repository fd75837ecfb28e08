"""Where a world is made: one resource in its own namespace, and what the world takes back at its end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab.azure import seeded
from lab.controls import Controls
from lab.running import Lab
from tests.integration.behind import create_store, until
from tests.integration.colleague import Colleague, publish_settings
from tests.integration.operating import GROUP, IDENTITIES, POLICY, STORAGE, SUBSCRIPTION, Operator
from tests.integration.owner import assign, create_identity, delete_identity, unassign
from tests.integration.resources import GitLab
from tests.integration.watching import Object

ACCOUNT = f"{STORAGE}/gitlabstore"
STORAGE_GROUP = f"{SUBSCRIPTION}/resourceGroups/{seeded.STORAGE_GROUP}"
CONTRIBUTOR = "Storage Blob Data Contributor"
OBSERVE = {"management": "Observe"}

# What the worlds may use beside what the policy of all tests admits: names that people misspell, and identities of their own.
MISSPELT_GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-gitlba"
ELSEWHERE = "99999999-2222-3333-4444-555555555555"
THEIRS = [f"{IDENTITIES}/theirs-{number}" for number in range(1000)]
WORLDS_POLICY: list[dict[str, Any]] = [
    *POLICY,
    {
        "namespaces": ["t-*"],
        "identities": {
            "resourceGroups": [MISSPELT_GROUP, f"/subscriptions/{ELSEWHERE}/resourceGroups/rg-gitlab"],
            "adopt": THEIRS,
            "sharedWith": ["t-*", "theirs"],
        },
        "storage": [{"account": f"{STORAGE.replace('rg-storage', 'rg-storge')}/*"}],
    },
]
SETTINGS: dict[str, Any] = {"policy": WORLDS_POLICY, "propagationLimit": 0}
"""No delay of Azure's is on in these worlds, so what is refused is refused for good, and at once."""


@dataclass
class Scene:
    """The resource `gitlab` of a world, which the world applies itself. `person` asks `doctor` about it. `ends` is unwound when
    the world has been looked at."""

    gitlab: GitLab
    operator: Operator
    person: Colleague
    ends: ExitStack = field(default_factory=ExitStack)

    @property
    def lab(self) -> Lab:
        return self.gitlab.lab

    @property
    def azure(self) -> Controls:
        return self.gitlab.lab.controls

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self.gitlab.namespace}:gitlab"

    @property
    def store(self) -> str:
        """The name of a storage account of this world alone."""
        return f"storefor{self.gitlab.namespace.replace('-', '')}"

    @property
    def misspelt(self) -> str:
        """The name of no account, near that of this world."""
        return self.store.replace("storefor", "storefro")

    def names(self, found: Object) -> dict[str, str]:
        """The names of this world, for texts about it. `found` is the resource."""
        identity = found["status"].get("identity", {})
        own = {
            key: identity[field]
            for key, field in {
                "identity": "name",
                "principal": "principalId",
                "client": "clientId",
                "tenant": "tenantId",
            }.items()
            if field in identity
        }
        return {
            "namespace": self.gitlab.namespace,
            "name": self.gitlab.name,
            "store": self.store,
            "misspelt": self.misspelt,
            "account": found["spec"]["storage"]["accountName"],
            "account_id": ACCOUNT,
            "group": seeded.IDENTITY_GROUP,
            "group_id": GROUP,
            "subscription": seeded.SUBSCRIPTION,
            "issuer_without_slash": seeded.ISSUER.rstrip("/"),
            **own,
        }

    def create_store(self, **properties: Any) -> str:
        """Create it with GitLab's containers. The properties are in ARM's spelling."""
        create_store(self.lab, self.store)
        if properties:
            self.azure.change_account(self.store, **properties)
        return self.store

    def restart(self, **settings: Any) -> None:
        """Restart the operator with these settings. It has the usual ones again at the end."""
        self.ends.callback(publish_settings, self.lab, **SETTINGS)
        self.ends.callback(self.operator.restart, **SETTINGS)
        self.operator.restart(**SETTINGS | settings)
        publish_settings(self.lab, **SETTINGS | settings)

    def identity(self) -> Object:
        """An identity that somebody else made, and that the policy lets the resource use. Its name is this world's."""
        name = f"theirs-{self.gitlab.namespace.rpartition('-')[2]}"
        made = create_identity(self.lab, name, {"made-with": "terraform"})
        self.ends.callback(delete_identity, self.lab, name)
        return made

    def trusts(
        self,
        identity: Object,
        name: str = "terraform",
        issuer: str = seeded.ISSUER,
        subject: str = "",
        audience: str = seeded.AUDIENCE,
    ) -> None:
        """Somebody gives the identity a federated credential: the right one, but for what is said."""
        properties = {"issuer": issuer, "subject": subject or self.subject, "audiences": [audience]}
        path = f"{identity['id']}/federatedIdentityCredentials/{name}"
        status, answer = self.lab.arm("PUT", path, {"properties": properties})
        assert status == 201, answer

    def has_role(self, identity: Object, role: str = CONTRIBUTOR, scope: str = ACCOUNT, **more: str) -> None:
        """Somebody assigns a role to the identity."""
        assignment = assign(self.lab, role, scope, identity["properties"]["principalId"], **more)
        self.ends.callback(unassign, self.lab, assignment)

    def observes(self, identity: Object | None = None, name: str = "", **spec: Any) -> GitLab:
        """Apply a resource that writes neither identity, credentials nor roles."""
        name = name or str(identity and identity["name"])
        return self.gitlab.apply(identity={"name": name, **OBSERVE}, roleAssignments=OBSERVE, **spec)

    def apply_on(self, account: str, **spec: Any) -> GitLab:
        return self.gitlab.apply(storage={"accountName": account}, **spec)


WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/azure-wi-webhook-mutating-webhook-configuration"


@contextmanager
def webhook_without(gitlab: GitLab) -> Iterator[None]:
    """The webhook leaves out the namespace of the resource."""
    (one,) = gitlab.lab.api.get(WEBHOOK)["webhooks"]
    excluding = {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [gitlab.namespace]}]
    }
    gitlab.lab.api.patch(WEBHOOK, {"webhooks": [{**one, "namespaceSelector": excluding}]})
    until(lambda: not _injects(gitlab), "the API server leaves the webhook out")
    yield
    gitlab.lab.api.patch(WEBHOOK, {"webhooks": [one]})
    until(lambda: _injects(gitlab), "the API server asks the webhook again")


def _injects(gitlab: GitLab) -> bool:
    """Whether a pod with the label would get its variables."""
    pod = {
        "metadata": {"name": "probe", "labels": {"azure.workload.identity/use": "true"}},
        "spec": {"serviceAccountName": "gitlab", "containers": [{"name": "probe", "image": "probe"}]},
    }
    made: Object = gitlab.lab.api.post(f"{gitlab.path('pod')}?dryRun=All", {"apiVersion": "v1", "kind": "Pod", **pod})
    return "env" in made["spec"]["containers"][0]


Make = Callable[[Scene], object]
"""Makes a world: it applies the resource, and breaks something before that or after it."""
