"""The content of the secrets: when it counts as changed, and which pods have a former one."""

from datetime import UTC, datetime, timedelta

import pytest

from gitlab_azure_identity.api import CONTENT_CHANGED_ANNOTATION as CHANGED
from gitlab_azure_identity.api import CONTENT_HASH_ANNOTATION as HASH
from gitlab_azure_identity.domain.content import Content, content_hash, content_of, marks, stamp
from gitlab_azure_identity.domain.desired import WantedObject
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.pods import Container, Pod

NOON = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
SECRET = WantedObject("Secret", "s", {"config": "new"})
MARK = {HASH: content_hash(SECRET.data)}
BEFORE = "2026-11-26T11:00:00Z"


def found(text: str = "new", created: datetime | None = NOON, **annotations: str) -> ClusterObject:
    marked = {{"hash": HASH, "changed": CHANGED}[key]: value for key, value in annotations.items()}
    return ClusterObject("Secret", "s", "u", "1", {}, marked, {"config": text}, created=created)


def test_the_hash_tells_texts_and_keys_apart_and_ignores_their_order() -> None:
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    different = [{"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": ""}, {}]
    assert len({content_hash(data) for data in different}) == len(different)


@pytest.mark.parametrize(
    ("there", "settled", "expected"),
    [
        # a new secret
        (None, False, (MARK, True)),
        # somebody deleted it, and it comes back as it was
        (None, True, (MARK, False)),
        # the spec changed
        (found("old", hash=content_hash({"config": "old"}), changed=BEFORE), True, (MARK, True)),
        # somebody edited it: what GitLab is to read did not change
        (found("edited", hash=MARK[HASH], changed=BEFORE), True, (MARK | {CHANGED: BEFORE}, False)),
        (found("edited", hash=MARK[HASH]), True, (MARK, False)),
        # a former version wrote it
        (found("new"), True, (MARK, False)),
        (found("old"), True, (MARK, True)),
        # somebody edited the mark
        (found("new", hash="edited", changed=BEFORE), True, (MARK, False)),
    ],
)
def test_what_a_write_says_of_the_content(
    there: ClusterObject | None, settled: bool, expected: tuple[dict[str, str], bool]
) -> None:
    assert marks(SECRET, there, settled=settled) == expected


def test_a_config_map_is_read_by_no_pod() -> None:
    values = WantedObject("ConfigMap", "v", {"values.yaml": "x"})

    assert marks(values, None, settled=False) == ({}, False)
    assert content_of(values, found()) is None


@pytest.mark.parametrize(
    "there",
    [
        None,
        found(),  # a former version wrote it
        found(hash=MARK[HASH]),  # it came back
        found(hash="another", changed=BEFORE),
        found(hash=MARK[HASH], changed="yesterday"),
        found(hash=MARK[HASH], changed="2026-11-26T11:00:00"),  # of which zone?
        found(created=None, hash=MARK[HASH], changed=BEFORE),
    ],
)
def test_when_it_is_not_known_no_pod_is_called_stale(there: ClusterObject | None) -> None:
    assert content_of(SECRET, there) is None


def test_when_it_is_known() -> None:
    content = content_of(SECRET, found(hash=MARK[HASH], changed=BEFORE))

    assert content == Content(changed=NOON - timedelta(hours=1), created=NOON)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "2026-11-26T12:00:00Z"), (1, "2026-11-26T12:00:01Z"), (999_999, "2026-11-26T12:00:01Z")],
)
def test_the_moment_is_rounded_up(microseconds: int, text: str) -> None:
    assert stamp(NOON + timedelta(microseconds=microseconds)) == text


def pod(accepted: int | None, started: int | None, mounts: str = "s") -> Pod:
    """A pod whose kubelet accepted it and started its first container so many seconds after noon."""

    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    container = Container("configure", secrets=frozenset({mounts}), started=moment(started), init=True)
    return Pod("p", "u", "registry", {}, "gitlab", (container,), None, NOON, moment(accepted))


OLD = Content(changed=NOON, created=NOON - timedelta(days=1))
NEW = Content(changed=NOON, created=NOON - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("content", "pod", "missed"),
    [
        (OLD, pod(-20, -10), True),
        (OLD, pod(0, 0), False),  # the moment of the change is rounded up
        (OLD, pod(5, 10), False),
        (OLD, pod(-5, 5), True),  # the kubelet may have fetched the former content
        (OLD, pod(None, 5), False),
        (OLD, pod(-5, None), False),  # it reads it when it starts
        (OLD, pod(None, None), False),  # no node has taken it
        (OLD, pod(-20, -10, mounts="another"), False),
        (NEW, pod(-60, 5), False),  # the pod waited for the secret
        (NEW, pod(-60, -2), False),  # and its kubelet's clock is late
        (NEW, pod(-60, -10), True),  # another secret of this name was there before
    ],
)
def test_which_pods_missed_a_change(content: Content, pod: Pod, missed: bool) -> None:
    assert content.missed_by(pod, "s") is missed


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_any_time_that_somebody_wrote_is_compared(text: str) -> None:
    content = content_of(SECRET, found(hash=MARK[HASH], changed=text))

    assert content is not None
    assert content.missed_by(Pod("p", "u", "registry", {}, "gitlab", (), None, NOON), "s") is False
    started = Container("c", secrets=frozenset({"s"}), started=NOON)
    pod = Pod("p", "u", "registry", {}, "gitlab", (started,), None, NOON, accepted=NOON)
    assert content.missed_by(pod, "s") is text.startswith("9999")
