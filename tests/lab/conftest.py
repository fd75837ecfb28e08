"""One Azure serves all tests. Each test starts without faults or delays, with an empty call log, and uses its own names."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from lab import tools
from lab.azure import seeded
from lab.controls import Controls

from .blobs import Workload
from .cluster import Cluster
from .objects import make_identity
from .plain import Plain
from .running import Running, running

NO_DELAYS = {
    "principal_replication": 0.0,
    "credential_propagation": 0.0,
    "role_propagation": 0.0,
    "identity_read_lag": 0.0,
    "credential_read_lag": 0.0,
    "assignment_read_lag": 0.0,
    "parent_replication": 0.0,
    "graph_replication": 0.0,
    "key_cache": 0.0,
    "provider_registration": 0.0,
    "arm_latency": 0.0,
    "clock": 0.0,
    "throttle": 0.0,
}


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    tools.node_modules()
    with running(tmp_path_factory.mktemp("azure")) as azure:
        yield azure


@pytest.fixture
def controls(azure: Running) -> Controls:
    return azure.controls


@pytest.fixture(autouse=True)
def _reset(controls: Controls) -> None:
    controls.clear_faults()
    controls.restore()
    controls.set(**NO_DELAYS)
    controls.clear_calls()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plain(azure: Running) -> AsyncIterator[Plain]:
    async with Plain(azure) as plain:
        yield plain


@pytest.fixture(scope="session")
def cluster(azure: Running) -> Cluster:
    cluster = Cluster()
    cluster.publish(azure.controls)
    return cluster


@pytest.fixture(scope="session")
def azure_operator(azure: Running) -> Cluster:
    """The cluster whose tokens the operator's own identity trusts."""
    cluster = Cluster(seeded.ISSUER)
    cluster.publish(azure.controls)
    return cluster


@pytest_asyncio.fixture(loop_scope="session")
async def workload(plain: Plain) -> Workload:
    return Workload(plain, (await make_identity(plain)).principal_id)
