"""Refuses hostile XML before anything interprets it: size, encoding, DTD, entities, depth, count.

The tree it returns is the one that is interpreted afterwards: no second reading of the bytes.
"""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from gateway.bank.errors import MessageRefused
from gateway.bank.limits import MESSAGE_BYTES_MAX, XML_DEPTH_MAX, XML_ELEMENT_COUNT_MAX

_BOM = b"\xef\xbb\xbf"
_DECLARED_ENCODING = re.compile(rb"""\A<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")


class _BoundedBuilder(TreeBuilder):
    """A tree builder that stops at the limits, so a bomb is never held in memory whole."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > XML_DEPTH_MAX:
            raise MessageRefused("xml/too-deep", "", "too many nested elements")
        if self._count > XML_ELEMENT_COUNT_MAX:
            raise MessageRefused("xml/too-many-elements", "", "too many elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)

    def pi(self, target: str, text: str | None = None, /) -> NoReturn:
        raise MessageRefused("xml/forbidden", "", "a processing instruction")


def parse_guarded(data: bytes) -> Element:
    """The root element of a message that is safe to interpret.

    Raises MessageRefused with an `xml/...` code.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise MessageRefused("xml/too-large", "", "over the size limit", bytes=len(data))
    data = data.removeprefix(_BOM)
    _require_utf8(data)
    parser = XMLParser(
        target=_BoundedBuilder(), forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        parser.feed(data)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise MessageRefused("xml/forbidden", "", type(error).__name__) from error
    except (ParseError, ValueError) as error:
        raise MessageRefused("xml/malformed", "", str(error)) from error
    return root


def _require_utf8(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MessageRefused("xml/encoding", "", "not UTF-8", offset=error.start) from error
    declared = _DECLARED_ENCODING.match(data)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise MessageRefused("xml/encoding", "", "another encoding is declared")
