"""How a key is built from ids, and the range of the keys below one."""

import re
from typing import Final

from chaincode.errors import BadInput
from chaincode.model.base import ID_PATTERN

_PART: Final = ID_PATTERN.removeprefix(r"\A").removesuffix(r"\Z")
_KEY: Final = re.compile(rf"{_PART}(?:/{_PART})*\Z")


def key(community: str, kind: str, *parts: str) -> str:
    """Join ids; a slash inside one would make more parts than were given."""
    joined = "/".join((community, kind, *parts))
    if not _KEY.match(joined) or joined.count("/") != len(parts) + 1:
        raise BadInput("input/bad-id")
    return joined


def below(prefix: str) -> tuple[str, str]:
    """The range of all keys below ``prefix``, for a scan: start inclusive, end exclusive."""
    return f"{prefix}/", f"{prefix}0"
