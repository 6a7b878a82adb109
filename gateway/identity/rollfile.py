"""The housing bureau's roll file (CSV): read whole or refused whole, with every fault at once.

One line is one owner's share of one unit; a unit with co-owners takes several lines. Required
columns are `COLUMNS`; `OPTIONAL` ones may follow. Without `building` and `entrance` both are told
from the unit's number: "3-1-502" stands in entrance "3-1" of building "3". Reasons never repeat
a value of the file.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from chaincode.model.base import ID_PATTERN
from chaincode.model.roll import OWNERS_PER_UNIT_MAX, SHARE_MAX, UNITS_MAX, Sale, Use
from chaincode.model.rule import AreaSource

COLUMNS: Final = (
    "unit",
    "exclusive_area_m2",
    "area_source",
    "deed_no",
    "owner_name",
    "owner_id_no",
    "owner_kind",
    "share",
    "sale_status",
)
OPTIONAL: Final = ("building", "entrance", "use", "phone")
FILE_BYTES_MAX: Final = 32 * 1024 * 1024
TEXT_CHARS_MAX: Final = 100
KINDS: Final = ("person", "organisation")

_ID: Final = re.compile(ID_PATTERN)
_AREA: Final = re.compile(r"\A([0-9]{1,7})(?:\.([0-9]{1,2}))?\Z", re.ASCII)
_SHARE: Final = re.compile(r"\A([1-9][0-9]{0,6})/([1-9][0-9]{0,6})\Z", re.ASCII)
_ID_NO: Final = re.compile(r"\A[0-9A-Z]{6,20}\Z", re.ASCII)
_PHONE: Final = re.compile(r"\A\+?[0-9-]{5,20}\Z", re.ASCII)


@dataclass(frozen=True)
class Fault:
    """What is wrong at one line of the file (the header is line 1)."""

    line: int
    reason: str


class BadRollFile(Exception):
    """The file has faults, all of them listed; nothing was taken from it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults in the roll file")
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Owner:
    """A person or body as the bureau knows them; stays with the regulator."""

    id_no: str
    name: str
    kind: str
    phone: str


@dataclass(frozen=True)
class Line:
    """One line: an owner's share of a unit."""

    number: int
    unit_id: str
    building: str
    entrance: str
    area_dm2: int
    area_source: AreaSource
    use: Use
    sale: Sale
    deed_no: str
    owner: Owner
    share: Fraction

    @property
    def unit_facts(self) -> tuple[object, ...]:
        """What all lines of a unit must agree on."""
        place = (self.building, self.entrance)
        return (*place, self.area_dm2, self.area_source, self.use, self.sale, self.deed_no)


def read_roll(data: bytes) -> tuple[tuple[Line, ...], ...]:
    """The lines of each unit, units in the order of the file.

    Raises BadRollFile with every fault found.
    """
    rows = _rows(_text(data))
    lines, faults = _parse(rows)
    faults += _faults_between(lines)
    if faults:
        raise BadRollFile(sorted(faults, key=lambda fault: (fault.line, fault.reason)))
    return tuple(tuple(unit) for unit in _by(lines, lambda line: line.unit_id).values())


# --- One line ---


def _text(data: bytes) -> str:
    """Decode UTF-8 or, as office software in China writes, GB 18030."""
    if len(data) > FILE_BYTES_MAX:
        raise BadRollFile([Fault(1, f"the file is larger than {FILE_BYTES_MAX} bytes")])
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadRollFile([Fault(1, "the file is neither UTF-8 nor GB 18030 text")])


def _rows(text: str) -> list[tuple[int, dict[str, str]]]:
    """Line number and fields by column; raises BadRollFile if it is no such table."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults: list[Fault] = []
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _require_header(header)
        for fields in reader:
            if len(fields) == len(header):
                rows.append(
                    (reader.line_num, dict(zip(header, map(str.strip, fields), strict=True)))
                )
            elif fields:
                reason = f"{len(fields)} fields where the header has {len(header)}"
                faults.append(Fault(reader.line_num, reason))
    except csv.Error:
        faults.append(Fault(reader.line_num, "quotes or line ends are broken from here on"))
    if not rows and not faults:
        faults.append(Fault(2, "there is no line below the header"))
    if faults:
        raise BadRollFile([*faults, *_parse(rows)[1]])
    return rows


def _require_header(header: Sequence[str]) -> None:
    faults = [Fault(1, f"column {name} is missing") for name in COLUMNS if name not in header]
    if len(set(header)) < len(header):
        faults.append(Fault(1, "a column stands twice"))
    if not set(header) <= {*COLUMNS, *OPTIONAL}:
        faults.append(Fault(1, "there is a column that is not known"))
    if faults:
        raise BadRollFile(faults)


def _parse(rows: Iterable[tuple[int, dict[str, str]]]) -> tuple[list[Line], list[Fault]]:
    lines: list[Line] = []
    faults: list[Fault] = []
    for number, row in rows:
        reasons = list(_reasons(row))
        if reasons:
            faults += [Fault(number, reason) for reason in reasons]
        else:
            lines.append(_line(number, row))
    return lines, faults


def _reasons(row: dict[str, str]) -> Iterator[str]:
    """Every reason why a line cannot be read."""
    place = _place(row)
    if not _ID.match(row["unit"]):
        yield "unit is no unit number (letters, digits, '-', '_', '.')"
    elif place is None or not all(map(_ID.match, place)):
        yield "building and entrance are missing and not told by the unit number"
    if not _AREA.match(row["exclusive_area_m2"]):
        yield "exclusive_area_m2 is no area in m2 with at most two decimals"
    elif _area_dm2(row["exclusive_area_m2"]) == 0:
        yield "exclusive_area_m2 is zero"
    yield from _unknown_words(row)
    share = _SHARE.match(row["share"])
    if not share or not int(share[1]) <= int(share[2]) <= SHARE_MAX:
        yield f"share is no fraction like 1/2 up to 1 with a denominator up to {SHARE_MAX}"
    yield from _owner_reasons(row)


def _unknown_words(row: dict[str, str]) -> Iterator[str]:
    words: dict[str, Iterable[str]] = {
        "area_source": AreaSource,
        "sale_status": Sale,
        "owner_kind": KINDS,
        "use": ("", *Use),
    }
    for column, known in words.items():
        if row.get(column, "") not in tuple(known):
            yield f"{column} is none of {', '.join(word for word in known if word)}"


def _owner_reasons(row: dict[str, str]) -> Iterator[str]:
    if not row["owner_name"]:
        yield "owner_name is missing"
    if not _ID_NO.match(row["owner_id_no"].upper()):
        yield "owner_id_no is no identity or credit code (6 to 20 letters and digits)"
    if row.get("phone") and not _PHONE.match(row["phone"]):
        yield "phone is no telephone number"
    for column in ("owner_name", "deed_no"):
        if len(row[column]) > TEXT_CHARS_MAX or not row[column].isprintable():
            yield f"{column} is longer than {TEXT_CHARS_MAX} characters or not printable"


def _line(number: int, row: dict[str, str]) -> Line:
    place = _place(row)
    assert place is not None, "checked by _reasons"
    return Line(
        number=number,
        unit_id=row["unit"],
        building=place[0],
        entrance=place[1],
        area_dm2=_area_dm2(row["exclusive_area_m2"]),
        area_source=AreaSource(row["area_source"]),
        use=Use(row.get("use") or Use.DWELLING),
        sale=Sale(row["sale_status"]),
        deed_no=row["deed_no"],
        owner=Owner(
            id_no=row["owner_id_no"].upper(),
            name=row["owner_name"],
            kind=row["owner_kind"],
            phone=row.get("phone", ""),
        ),
        share=Fraction(row["share"]),
    )


def _place(row: dict[str, str]) -> tuple[str, str] | None:
    """Building and entrance: from their columns, or from the unit's number."""
    if row.get("building") and row.get("entrance"):
        return row["building"], row["entrance"]
    parts = row["unit"].split("-")
    return (parts[0], f"{parts[0]}-{parts[1]}") if len(parts) > 2 else None


def _area_dm2(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


# --- Between lines ---


def _faults_between(lines: Sequence[Line]) -> list[Fault]:
    faults: list[Fault] = []
    units = _by(lines, lambda line: line.unit_id)
    if len(units) > UNITS_MAX:
        faults.append(Fault(lines[-1].number, f"there are more than {UNITS_MAX} units"))
    for unit in units.values():
        faults += _unit_faults(unit)
    for owner in _by(lines, lambda line: line.owner.id_no).values():
        faults += _differing(owner, lambda line: line.owner, "the owner's name, kind or phone")
    for entrance in _by(lines, lambda line: line.entrance).values():
        faults += _differing(entrance, lambda line: line.building, "the entrance's building")
    return faults


def _unit_faults(unit: Sequence[Line]) -> Iterator[Fault]:
    first = unit[0].number
    yield from _differing(unit, lambda line: line.unit_facts, "what the unit is")
    if sum(line.share for line in unit) != 1:
        yield Fault(first, "the shares in the unit do not add up to 1")
    if len(unit) > OWNERS_PER_UNIT_MAX:
        yield Fault(first, f"the unit has more than {OWNERS_PER_UNIT_MAX} owners")
    for owner in _by(unit, lambda line: line.owner.id_no).values():
        for again in owner[1:]:
            yield Fault(again.number, f"the owner stands on line {owner[0].number} for this unit")


def _differing(
    lines: Sequence[Line], facts: Callable[[Line], object], what: str
) -> Iterator[Fault]:
    for line in lines[1:]:
        if facts(line) != facts(lines[0]):
            yield Fault(line.number, f"{what} differs from line {lines[0].number}")


def _by(lines: Iterable[Line], name: Callable[[Line], str]) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(name(line), []).append(line)
    return groups
