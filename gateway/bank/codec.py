"""XML <-> pyiso20022 objects, strictly.

pyiso20022 (xsdata) by itself forgives wrong order, ignored text, unset choices, lengths, patterns
and number forms such as 1E2 or 1_0. So what was read is walked once more next to the tree it came
from: each element must be where the schema puts it, and each value must be written plainly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from itertools import zip_longest
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from xsdata.exceptions import ConverterWarning, ParserError, XmlContextError, XmlHandlerError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.writers import XmlEventWriter
from xsdata.models.datatype import XmlDate, XmlDateTime

from gateway.bank.errors import MessageRefused

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_PLAIN_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{0,17})?")
_ANY_CONTENT = "Envlp"  # supplementary data: any element of any namespace, which we do not use
_MISFITS = (
    ParserError,
    ConverterWarning,
    XmlHandlerError,
    XmlContextError,
    TypeError,
    ValueError,
    ArithmeticError,
)


class _Written(NamedTuple):
    """One element as it stands in the message."""

    path: str
    tag: str
    text: str


class _Read(NamedTuple):
    """One element as it was understood: its value, and the facets the schema gives it."""

    tag: str
    value: Any
    facets: Mapping[str, Any]


class _TracingParser(XmlParser):
    """Knows which element it is at, so that a refusal can name it."""

    def __init__(self, config: ParserConfig, handler: type[XmlEventHandler]) -> None:
        super().__init__(config=config, handler=handler)
        self.open_elements: list[int] = []
        self._started_count = 0

    def start(self, *args: Any) -> None:
        self.open_elements.append(self._started_count)
        self._started_count += 1
        super().start(*args)

    def end(self, *args: Any) -> bool:
        ended = super().end(*args)
        self.open_elements.pop()
        return ended


def read(document_class: type[Any], root: Element) -> Any:
    """The message as an object of `document_class`. Raises MessageRefused `xml/schema`."""
    for name in [name for name in root.attrib if name.startswith(_XSI)]:
        del root.attrib[name]
    written = list(_written(root, ""))
    config = ParserConfig(fail_on_unknown_attributes=True, fail_on_converter_warnings=True)
    parser = _TracingParser(config=config, handler=XmlEventHandler)
    try:
        document = parser.parse(root, document_class)
    except _MISFITS as error:
        path = written[parser.open_elements[-1]].path if parser.open_elements else ""
        raise MessageRefused("xml/schema", path or _local(root.tag), _reason(error)) from error
    for source, understood in zip_longest(
        written[1:], _understood(document, document.Meta.namespace)
    ):
        _require_same(source, understood)
    return document


def write(document: Any, namespace: str) -> bytes:
    """The message as UTF-8 XML; equal objects give equal bytes."""
    text = XmlSerializer(writer=XmlEventWriter).render(document, ns_map={None: namespace})
    return text.encode("utf-8")


def _written(element: Element, path: str) -> Iterator[_Written]:
    """Every element in document order, with a path such as BkToCstmrStmt/Stmt[1]/Ntry[2]/Amt."""
    yield _Written(path, element.tag, element.text or "")
    local = _local(element.tag)
    if local == _ANY_CONTENT:
        return
    if len(element) and any(text and text.strip() for text in _texts_between(element)):
        raise MessageRefused("xml/schema", path or local, "text between elements")
    seen: dict[str, int] = {}
    for child in element:
        name = _local(child.tag)
        seen[name] = seen.get(name, 0) + 1
        step = name if seen[name] == 1 else f"{name}[{seen[name]}]"
        yield from _written(child, f"{path}/{step}" if path else step)


def _texts_between(element: Element) -> Iterator[str | None]:
    yield element.text
    for child in element:
        yield child.tail


def _understood(parent: Any, namespace: str) -> Iterator[_Read]:
    """Every element of what was read, in the order of the schema."""
    present = 0
    for field in fields(parent):
        if field.metadata.get("type") != "Element":
            continue
        value = getattr(parent, field.name)
        items = value if isinstance(value, list) else [] if value is None else [value]
        present += len(items)
        _require_count(field.metadata, len(items), isinstance(value, list))
        for item in items:
            tag = f"{{{namespace}}}{field.metadata['name']}"
            yield _Read(tag, item, field.metadata)
            if is_dataclass(item) and field.metadata["name"] != _ANY_CONTENT:
                yield from _understood(item, namespace)
    if type(parent).__name__.endswith("Choice") and present != 1:
        raise MessageRefused("xml/schema", type(parent).__name__, "not exactly one alternative")


def _require_count(facets: Mapping[str, Any], count: int, repeats: bool) -> None:
    least = facets.get("min_occurs", int(facets.get("required", False)))
    most = facets.get("max_occurs", count if repeats else 1)
    if not least <= count <= most:
        raise MessageRefused("xml/schema", facets["name"], "too few or too many", count=count)


def _require_same(source: _Written | None, understood: _Read | None) -> None:
    if source is None or understood is None or source.tag != understood.tag:
        path = source.path if source else _local(understood.tag) if understood else ""
        raise MessageRefused("xml/schema", path, "an element that does not belong there")
    value, facets = understood.value, understood.facets
    if is_dataclass(value):
        text_field = next((f for f in fields(value) if not f.metadata.get("type")), None)
        if text_field is None:
            return
        _require_attributes(source, value)
        value, facets = getattr(value, text_field.name), text_field.metadata
    problem = _misfit(value, source.text, facets)
    if problem:
        raise MessageRefused("xml/schema", source.path, problem)


def _require_attributes(source: _Written, value: Any) -> None:
    for field in fields(value):
        if field.metadata.get("type") == "Attribute":
            given = getattr(value, field.name)
            problem = _misfit(given, given if isinstance(given, str) else "", field.metadata)
            if problem:
                raise MessageRefused("xml/schema", f"{source.path}/@{field.name}", problem)


def _misfit(value: Any, text: str, facets: Mapping[str, Any]) -> str | None:
    """What is wrong with a value, given how it was written and the schema's facets; else None."""
    if isinstance(value, Decimal):
        return _number_misfit(value, text, facets)
    if isinstance(value, Enum):
        return None if value.value == text else "not the plain code"
    if isinstance(value, str):
        return _text_misfit(value, text, facets)
    if isinstance(value, XmlDate | XmlDateTime):
        return _date_misfit(value)
    return None if text == text.strip() else "blanks around a value"


def _date_misfit(value: XmlDate | XmlDateTime) -> str | None:
    try:
        value.to_date() if isinstance(value, XmlDate) else value.to_datetime()
    except (ValueError, OverflowError):
        return "no such day or time"
    return None


def _text_misfit(value: str, text: str, facets: Mapping[str, Any]) -> str | None:
    if not value:
        return "empty"  # also where a date or number was due: xsdata leaves those as empty text
    if value != text:
        return "not the plain text"
    if not facets.get("min_length", 0) <= len(value) <= facets.get("max_length", len(value)):
        return f"a length of {len(value)}"
    pattern = facets.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        return "not of the required form"
    return None


def _number_misfit(value: Decimal, text: str, facets: Mapping[str, Any]) -> str | None:
    if not _PLAIN_NUMBER.fullmatch(text):
        return "not a plain decimal number"
    whole, _, fraction = text.partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if len(fraction) > facets.get("fraction_digits", len(fraction)):
        return "too many decimals"
    if len(whole) + len(fraction) > facets.get("total_digits", 18):
        return "too many digits"
    if value < facets.get("min_inclusive", value):
        return "below the least value"
    return None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _reason(error: Exception) -> str:
    """The first line of xsdata's words: the second may quote a value, which may be a name."""
    return str(error).partition("\n")[0]
