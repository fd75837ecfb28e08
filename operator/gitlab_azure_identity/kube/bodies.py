"""Bodies of requests as the API server reads them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gitlab_azure_identity.domain.texts import unicode

# The characters that YAML 1.2.2 needs escaped (5.1, c-printable), and the line breaks of YAML 1.1, which folds them.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def encoded(body: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """JSON that is also YAML. The API server reads an apply-patch as YAML, and refuses the usual JSON escapes of characters
    beyond U+FFFF: it takes their two halves for two characters (measured on 1.37)."""
    text = unicode(json.dumps(body, ensure_ascii=False))
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text).encode()
