"""What conditions of role assignments learn of a request to the lab's Blob Storage."""

import pytest

from lab.azure.blob.permissions import condition_attributes
from lab.azure.conditions import BLOB_PATH, BLOB_PREFIX, Attributes

LIST = "?restype=container&comp=list"
TAGS = {"x-ms-tags": "a=b"}
IF_TAGS = {"x-ms-if-tags": "a='b'"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("GET", "/", {}, Attributes()),
        ("GET", "/?comp=list", {}, Attributes()),
        ("GET", f"/c{LIST}", {}, Attributes({BLOB_PREFIX: ""}, suboperation="Blob.List")),
        ("GET", f"/c{LIST}&prefix=a/", {}, Attributes({BLOB_PREFIX: "a/"}, suboperation="Blob.List")),
        ("PUT", "/c", {}, Attributes()),
        ("GET", "/c/a%20b/c", {}, Attributes(resource={BLOB_PATH: "a b/c"})),
        ("GET", "/c/a", IF_TAGS, Attributes(resource={BLOB_PATH: "a"}, suboperation="Blob.Read.WithTagConditions")),
        ("GET", "/c/a", TAGS, Attributes(resource={BLOB_PATH: "a"})),
        ("PUT", "/c/a", {}, Attributes(resource={BLOB_PATH: "a"})),
        ("PUT", "/c/a", TAGS, Attributes(resource={BLOB_PATH: "a"}, suboperation="Blob.Write.WithTagHeaders")),
        ("DELETE", "/c/a", IF_TAGS, Attributes(resource={BLOB_PATH: "a"})),
    ],
)
def test_the_attributes_of_a_request(method: str, target: str, headers: dict[str, str], expected: Attributes) -> None:
    path, _, query = target.partition("?")
    parameters = dict(pair.split("=") for pair in query.split("&") if pair)

    assert condition_attributes(method, path, parameters, headers) == expected
