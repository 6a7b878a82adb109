"""Reads a YAML file safely: bounded in size, no objects, no key given twice."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from network.schema import ConfigErrors, Finding

FILE_BYTES_MAX = 1 << 20


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key given twice, which YAML readers otherwise let the last one win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} must be text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> object:
    """The document of a file. Raises ConfigErrors with what keeps it from being read."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ConfigErrors([Finding(str(file), f"is larger than {FILE_BYTES_MAX} bytes")])
        return yaml.load(file.read_text("utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigErrors([Finding(str(file), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigErrors([Finding(str(file), "is not UTF-8 text")]) from error
    except yaml.YAMLError as error:
        raise ConfigErrors([Finding(str(file), f"is not YAML: {error}")]) from error
