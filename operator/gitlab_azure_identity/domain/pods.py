"""A pod of GitLab: what it carries of the chain. It is data only, and `kube.pods` fills it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# azure-workload-identity 1.6.0, pkg/webhook/consts.go and pkg/webhook/webhook.go.
USE_LABEL = "azure.workload.identity/use"
CLIENT_ID = "AZURE_CLIENT_ID"
TENANT_ID = "AZURE_TENANT_ID"
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - a variable's name
AUTHORITY_HOST = "AZURE_AUTHORITY_HOST"
INJECTED = (CLIENT_ID, TENANT_ID, TOKEN_FILE, AUTHORITY_HOST)

# GitLab chart 9.9.1, templates/_application.tpl, gitlab.standardLabels: every object of the chart carries the four labels app,
# chart, release and heritage. Chart 10 keeps them beside those of app.kubernetes.io. GitLab Operator renders the same chart: the
# release is then the name of the GitLab object.
COMPONENT_LABEL = "app"
RELEASE_LABEL = "release"
CHART_LABEL = "chart"
HELM_HOOK = "helm.sh/hook"  # an annotation
OVER = ("Succeeded", "Failed")  # phases of a pod that runs no more


@dataclass(frozen=True)
class Owner:
    """Who made a pod: Kind and name of the workload that a person knows. A ReplicaSet counts as its Deployment."""

    kind: str
    name: str

    @property
    def restartable(self) -> bool:
        """Whether `kubectl rollout restart` knows the kind."""
        return self.kind in ("Deployment", "StatefulSet", "DaemonSet")

    @property
    def reference(self) -> str:
        """As kubectl names it, such as `deployment/gitlab-toolbox`."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Container:
    """A container of a pod. `variables` has those that the webhook injects, as far as the container has them. `secrets` has the
    names of the secrets that it mounts. `started` is when it last started, or None before that. `token_audience` is that of the
    token at the path that its variable names, or None when no token is projected there."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    started: datetime | None = None
    init: bool = False
    token_audience: str | None = None

    @property
    def token_file(self) -> str | None:
        """Where the container finds its token. The path is the webhook's to choose: 1.6.0 moved it."""
        return self.variables.get(TOKEN_FILE)


@dataclass(frozen=True)
class Pod:
    """One pod. Times are those of the API server and of the kubelet."""

    name: str
    uid: str
    component: str  # the label `app`: registry, webservice, sidekiq, toolbox, ...
    labels: Mapping[str, str]
    service_account: str
    containers: tuple[Container, ...]
    owner: Owner | None
    created: datetime
    accepted: datetime | None = None  # when a kubelet took the pod, before it mounted anything
    hook: bool = False  # Helm made it for a while, such as a test
    phase: str = "Pending"
    ending: bool = False  # it is being deleted

    @property
    def counts(self) -> bool:
        """Whether the pod is one that serves GitLab. The pods of Jobs and of Helm's hooks end by themselves, and their next ones
        are new. A pod that ends, or has ended, is replaced already."""
        job = self.owner is not None and self.owner.kind == "Job"
        return not (job or self.hook or self.ending or self.phase in OVER)

    @property
    def labelled(self) -> bool:
        """Whether the webhook changes such a pod. It compares the label with the word `true`."""
        return self.labels.get(USE_LABEL) == "true"

    @property
    def chart_version(self) -> str | None:
        """The version of the chart that made the pod, such as `9.9.1`, or None when no label says so. The charts of Rails'
        components have the version of GitLab's chart; the registry's has one of its own."""
        _, dash, version = self.labels.get(CHART_LABEL, "").rpartition(f"{self.component}-")
        return version if dash and version and self.component != "registry" else None

    def variable(self, name: str) -> str | None:
        """The value of an injected variable, when all containers have the same one. None otherwise. Init containers do not count,
        nor do containers without a token: the webhook did not change them, since they came after it (a sidecar of a service
        mesh), or since an annotation of the pod names them (azure.workload.identity/skip-containers)."""
        values = {one.variables.get(name) for one in self.containers if one.token_file and not one.init}
        return values.pop() if len(values) == 1 else None

    @property
    def client_id(self) -> str | None:
        return self.variable(CLIENT_ID)

    @property
    def tenant_id(self) -> str | None:
        return self.variable(TENANT_ID)

    @property
    def injected(self) -> bool:
        """Whether the webhook has changed the pod. It leaves out a variable that it has no value for, such as the client ID when
        the service account had no annotation."""
        return any(one.token_file for one in self.containers if not one.init)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets that it mounts."""
        return frozenset[str]().union(*(one.secrets for one in self.containers))

    def mounted(self, secret: str) -> datetime | None:
        """When the first container that mounts a secret started: from then on GitLab has the content of that moment. None before
        that, and without such a container.

        The chart's init container `configure` copies the secrets, and nothing reads them again (chart 9.9.1)."""
        starts = [one.started for one in self.containers if secret in one.secrets]
        known = [start for start in starts if start is not None]
        return min(known) if known else None
