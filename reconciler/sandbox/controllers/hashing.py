"""Names that follow from a template's content."""

import hashlib
from typing import Any, Final

import orjson

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Any, collisions: int = 0) -> str:
    """Ten characters that change with the template: the ``pod-template-hash`` of ReplicaSets.

    The real controllers hash a Go dump of the template; only the form is the same here.
    """
    packed = orjson.dumps([template, collisions], option=orjson.OPT_SORT_KEYS)
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in hashlib.sha256(packed).digest()[:10])
