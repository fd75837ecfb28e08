"""The operator's log of ordinary courses contains no warning."""

from collections.abc import Callable

from .behind import patch, until, until_matched
from .operating import Operator
from .resources import GitLab
from .watching import Object


def serious(operator: Operator, since: int) -> list[Object]:
    """Entries with a severity above info."""
    return [entry for entry in operator.entries()[since:] if entry["severity"] not in ("info", "debug")]


def test_ordinary_courses_are_no_warning(new_gitlab: Callable[..., GitLab], operator: Operator) -> None:
    since = len(operator.entries())
    first, second, third = new_gitlab(), new_gitlab(), new_gitlab()
    controls = first.lab.controls

    # a creation, an edit, a deletion
    first.apply().ready()
    patch(first, "gai", "gitlab", {"spec": {"serviceAccounts": [{"name": "gitlab"}, {"name": "runner"}]}})
    first.ready()
    first.delete()

    # a deletion while a pass hangs in a request
    match = "GET gitlabstore.blob.core.windows.net/*"
    controls.add_fault(match, hang=True)
    second.apply()
    until_matched(second.lab, match)
    second.delete()
    controls.clear_faults()

    # the deletion of a namespace, which its resource keeps until Azure is clean
    third.apply().ready()
    third.lab.kubectl("delete", "namespace", third.namespace, "--timeout=60s")
    until(lambda: not third.identities(), "the identity no longer exists")

    # a restart
    operator.restart()

    assert serious(operator, since) == []
