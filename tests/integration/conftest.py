"""One lab and one operator for all of these tests, and a namespace for each test."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import pytest

from lab.running import Lab
from tests.invariants import broken, outdated, unexplained

from .apart import FAST, Apart, started_apart, started_lab
from .colleague import Colleague, publish_settings
from .operating import Operator
from .resources import GitLab
from .watching import Object, Watch

AT_A_TIME = 25


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, float]]:
    """The lab of these tests, and the seconds that its start took."""
    with started_lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="session")
def lab(started: tuple[Lab, float]) -> Lab:
    """Azure and a cluster of our own. They have no delays unless a test sets them."""
    running, _ = started
    running.controls.set(**FAST)
    return running


@pytest.fixture(scope="session")
def watch(lab: Lab) -> Iterator[Watch]:
    following = Watch(lab)
    yield following
    following.close()


@pytest.fixture(scope="session")
def _operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    process = Operator(lab, tmp_path_factory.mktemp("operator"))
    process.start()
    yield process
    if process.running:
        process.stop()


@pytest.fixture
def operator(_operator: Operator) -> Iterator[Operator]:
    """The operator, for tests that stop, kill or reconfigure it. Afterwards it runs again as before."""
    yield _operator
    if not (_operator.running and _operator.as_usual):
        _operator.restart()


@pytest.fixture(scope="session")
def namespaces(lab: Lab) -> Iterator[str]:
    """Namespaces where the operator has its rights. Many are admitted at a time, since Helm and kubectl take their time to
    start."""

    def admitted() -> Iterator[str]:
        for first in itertools.count(1, AT_A_TIME):
            names = [f"t-{number}" for number in range(first, first + AT_A_TIME)]
            lab.admit_namespaces(*names)
            yield from names

    return admitted()


@pytest.fixture
def new_gitlab(
    lab: Lab, watch: Watch, namespaces: Iterator[str], _operator: Operator
) -> Iterator[Callable[..., GitLab]]:
    """Creates resources, each in a namespace of its own unless one is named, and deletes them at the end.

    Every status that was ever written for them must satisfy the invariants."""
    made: list[GitLab] = []

    def make(namespace: str | None = None, name: str = "gitlab") -> GitLab:
        if namespace and not lab.api.answers(f"/api/v1/namespaces/{namespace}"):
            lab.admit_namespaces(namespace)
        made.append(GitLab(lab, watch, namespace or next(namespaces), name))
        return made[-1]

    yield make
    lab.controls.clear_faults()
    lab.controls.restore()
    lab.controls.set(**FAST)
    for gitlab in made:
        if gitlab.exists("gai", gitlab.name):
            gitlab.uid = gitlab.live()["metadata"]["uid"]
            gitlab.annotate("gitlabazure.io/abandon-", "gitlabazure.io/test-ends=now")
            gitlab.delete()
    for gitlab in made:
        found = watch.versions(gitlab.namespace)
        for version in found:
            assert not broken(version), (broken(version), version)
            assert not unexplained(version), (unexplained(version), version)
        for versions in _by_object(found):
            assert not outdated(versions), (outdated(versions), versions)


def _by_object(versions: list[Object]) -> Iterable[list[Object]]:
    found = defaultdict(list)
    for version in versions:
        found[version["metadata"]["uid"]].append(version)
    return found.values()


@pytest.fixture
def gitlab(new_gitlab: Callable[..., GitLab]) -> GitLab:
    """A resource that is not applied yet, in a namespace of its own."""
    return new_gitlab()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with started_apart(tmp_path_factory.mktemp("apart"), tmp_path_factory.mktemp("operator-apart")) as lab_and_operator:
        yield lab_and_operator


@pytest.fixture(scope="module")
def nobody(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Colleague:
    """The administrator of the cluster, without a login to Azure."""
    publish_settings(lab)
    return Colleague(lab, tmp_path_factory.mktemp("colleague"))


@pytest.fixture(scope="module")
def reader(nobody: Colleague) -> Colleague:
    """The same, who may read the subscription."""
    return nobody.with_role("Reader")
