"""Bodies of requests. They are JSON, and they mean the same as YAML, since the API server reads an apply-patch as YAML."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.domain.texts import unicode
from gitlab_azure_identity.kube.bodies import encoded

from .texts import FOX, short_texts


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", '"plain"'),
        ("naïve Übung", '"naïve Übung"'),
        (FOX, f'"{FOX}"'),
        ("\ud83e\udd8a", f'"{FOX}"'),  # its two halves
        ("\ud83e", '"\ufffd"'),  # one of them
        ("\x00\n", r'"\u0000\n"'),
        ("\x7f\x85\x9f", r'"\u007f\u0085\u009f"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\ufeff\ufffe\uffff", r'"\ufeff\ufffe\uffff"'),
    ],
)
def test_how_a_text_is_sent(text: str, sent: str) -> None:
    assert encoded({"a": text}).decode() == f'{{"a": {sent}}}'


bodies = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), short_texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "yes", "1", "b.c/d"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, derandomize=True)
@given(st.dictionaries(st.sampled_from(["metadata", "status"]), bodies, min_size=1))
def test_it_reads_the_same_as_json_and_as_yaml(body: dict[str, Any]) -> None:
    sent = encoded(body)

    assert yaml.safe_load(sent) == json.loads(sent)
    assert json.loads(sent) == valid(body)


def valid(value: Any) -> Any:
    """The same text without halves of characters."""
    match value:
        case str():
            return unicode(value)
        case list():
            return [valid(one) for one in value]
        case dict():
            return {key: valid(one) for key, one in value.items()}
    return value
