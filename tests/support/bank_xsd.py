"""Schemas and samples of the bank messages, read in place beside the checkout."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from tests.support.bank import SHARED


@cache
def schema(name: str) -> etree.XMLSchema:
    """The XSD of a message such as pain.001.001.10; the test is skipped where it is absent."""
    path = SHARED / f"{name}.xsd"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return etree.XMLSchema(etree.parse(str(path)))


def require_valid(data: bytes) -> None:
    """Fails unless the message is valid against the schema that it names."""
    root = etree.fromstring(data)
    name = str(etree.QName(root).namespace).rpartition(":")[2]
    schema(name).assertValid(root)


def sample(name: str) -> bytes:
    """A sample message from a bank; the test is skipped where it is absent."""
    path = SHARED / f"{name}.sample.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return path.read_bytes()
