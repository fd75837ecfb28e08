"""The lab's evaluation of conditions on role assignments, by the examples of Microsoft Learn."""

import re
from pathlib import Path

import pytest

from lab.azure import seeded
from lab.azure.conditions import (
    ACCOUNT_HNS,
    BLOB_PATH,
    CONTAINER_NAME,
    PRINCIPAL_TYPE,
    ROLE_DEFINITION_ID,
    Attributes,
    ConditionError,
    allowed,
    parse,
)

WRITE, DELETE = "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete"
CONTRIBUTOR, DELEGATOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "azure-permissions.md"


def documented() -> str:
    """The condition that the documentation gives the operator's own role."""
    found = re.search(r"```text\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_lab_gives_the_operator_the_documented_condition() -> None:
    def without_blanks(text: str) -> str:
        return re.sub(r"\s+", "", text)

    assert without_blanks(seeded.OPERATOR_CONDITION) == without_blanks(documented())


def assignment(role: str, kind: str) -> dict[str, str]:
    return {ROLE_DEFINITION_ID: role, PRINCIPAL_TYPE: kind}


@pytest.mark.parametrize(
    ("action", "attributes", "holds"),
    [
        (WRITE, Attributes(request=assignment(CONTRIBUTOR, "ServicePrincipal")), True),
        (WRITE, Attributes(request=assignment(DELEGATOR.upper(), "serviceprincipal")), True),
        (WRITE, Attributes(request=assignment(OWNER, "ServicePrincipal")), False),
        (WRITE, Attributes(request=assignment(CONTRIBUTOR, "User")), False),
        (WRITE, Attributes(request={ROLE_DEFINITION_ID: CONTRIBUTOR}), False),
        (WRITE, Attributes(resource=assignment(CONTRIBUTOR, "ServicePrincipal")), False),
        (WRITE, Attributes(), False),
        (DELETE, Attributes(resource=assignment(DELEGATOR, "ServicePrincipal")), True),
        (DELETE, Attributes(resource=assignment(OWNER, "ServicePrincipal")), False),
        (DELETE, Attributes(request=assignment(DELEGATOR, "ServicePrincipal")), False),
        ("Microsoft.Storage/storageAccounts/read", Attributes(), True),
    ],
)
def test_the_condition_on_the_operators_own_role(action: str, attributes: Attributes, *, holds: bool) -> None:
    assert allowed(documented(), action, attributes) is holds


READ_ONE_CONTAINER = (
    f"((!(ActionMatches{{'{BLOBS}/read'}} AND NOT SubOperationMatches{{'Blob.List'}})) OR "
    f"(@Resource[{CONTAINER_NAME}] StringEquals 'registry'))"
)


@pytest.mark.parametrize(
    ("action", "container", "suboperation", "holds"),
    [
        (f"{BLOBS}/read", "registry", "", True),
        (f"{BLOBS}/read", "other", "", False),
        (f"{BLOBS}/read", "Registry", "", False),
        (f"{BLOBS}/read", "other", "Blob.List", True),
        (f"{BLOBS}/read", "other", "Blob.Read.WithTagConditions", False),
        (f"{BLOBS}/write", "other", "", True),
    ],
)
def test_reading_the_blobs_of_one_container(action: str, container: str, suboperation: str, *, holds: bool) -> None:
    attributes = Attributes(resource={CONTAINER_NAME: container}, suboperation=suboperation)

    assert allowed(READ_ONE_CONTAINER, action, attributes) is holds


RESOURCE = Attributes(resource={CONTAINER_NAME: "abcd", BLOB_PATH: "logs/1", ACCOUNT_HNS: True})


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ("StringEquals 'abcd'", True),
        ("StringEquals 'ABCD'", False),
        ("StringEqualsIgnoreCase 'ABCD'", True),
        ("StringNotEquals 'abcd'", False),
        ("StringNotEqualsIgnoreCase 'ABCE'", True),
        ("StringStartsWith 'ab'", True),
        ("StringNotStartsWith 'ab'", False),
        ("StringLike 'a*c?'", True),
        ("StringLike 'A*C?'", False),
        ("StringLike 'a*c'", False),
        ("StringLikeIgnoreCase 'A*C?'", True),
        ("StringNotLike 'a*c'", True),
        ("ForAnyOfAnyValues:StringEquals {'x', 'abcd'}", True),
        ("ForAnyOfAnyValues:StringEquals {'x', 'y'}", False),
        ("ForAllOfAnyValues:StringEquals {'x', 'abcd'}", True),
        ("ForAnyOfAllValues:StringEquals {'x', 'abcd'}", False),
        ("ForAllOfAllValues:StringNotEquals {'x', 'y'}", True),
        ("ForAnyOfAnyValues:StringStartsWith {'ab'}", True),
    ],
)
def test_operators(comparison: str, *, holds: bool) -> None:
    assert allowed(f"@Resource[{CONTAINER_NAME}] {comparison}", "x", RESOURCE) is holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (f"@Resource[{ACCOUNT_HNS}] BoolEquals true", True),
        (f"@Resource[{ACCOUNT_HNS}] BoolNotEquals true", False),
        (f"Exists @Resource[{BLOB_PATH}]", True),
        (f"NOT Exists @Resource[{BLOB_PATH}]", False),
        (f"@Resource[{BLOB_PATH}] StringStartsWith 'logs/' && @Resource[{CONTAINER_NAME}] StringEquals 'x'", False),
        (f"@Resource[{BLOB_PATH}] StringStartsWith 'logs/' || @Resource[{CONTAINER_NAME}] StringEquals 'x'", True),
        ("ActionMatches{'Microsoft.Storage/*'}", True),
        ("!(ActionMatches{'Microsoft.Authorization/*'})", True),
        ("@Request[subOperation] ForAnyOfAnyValues:StringEqualsIgnoreCase {'blob.list'}", False),
        (f"Exists @Request[subOperation] or Exists @Resource[{BLOB_PATH}]", True),
    ],
)
def test_what_else_a_condition_may_say(condition: str, *, holds: bool) -> None:
    assert allowed(condition, f"{BLOBS}/read", RESOURCE) is holds


def test_an_attribute_that_is_not_there_satisfies_no_comparison_not_even_a_negated_one() -> None:
    for comparison in ("StringEquals 'x'", "StringNotEquals 'x'"):
        assert not allowed(f"@Resource[{CONTAINER_NAME}] {comparison}", "x", Attributes())


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("", "ends too early"),
        ("(ActionMatches{'x'}", "lacks ')'"),
        ("ActionMatches{'x'", "lacks '}'"),
        ("ActionMatches{'x'} ActionMatches{'y'}", "goes on after its end: 'ActionMatches'"),
        ("ActionMatches{'x'} AND ActionMatches{'y'} OR ActionMatches{'z'}", "joins AND and OR without parentheses"),
        ("ActionMatches{5}", "cannot be read from '5}' on"),
        ("ActionMatches{x}", "has 'x' where a value is expected"),
        (f"@Resource[{CONTAINER_NAME}] StringEquals {{'a', 'b'}}", "compares with one value"),
        (f"@Resource[{CONTAINER_NAME}] NumericEquals 'a'", "evaluates no operator 'NumericEquals'"),
        (f"@Resource[{CONTAINER_NAME}] ForSomeValues:StringEquals {{'a'}}", "evaluates no operator 'ForSomeValues:"),
        (f"@Request[{CONTAINER_NAME}] StringEquals 'a'", "evaluates no attribute @request["),
        (
            f"@Resource[{BLOBS}/tags:Project<$key_case_sensitive$>] StringEquals 'x'",
            "evaluates no attribute @resource[",
        ),
        (
            "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:A_B] StringEquals 'x'",
            "no attribute @principal[",
        ),
        ("true", "evaluates no attribute 'true'"),
    ],
)
def test_what_the_lab_does_not_evaluate_is_refused(condition: str, why: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(why)):
        parse(condition)
