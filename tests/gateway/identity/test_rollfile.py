"""The bureau's roll file: every fault with its line, all at once, and nothing taken from it."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaincode.model.roll import OWNERS_PER_UNIT_MAX, Use
from gateway.identity import rollfile
from gateway.identity.rollfile import COLUMNS, OPTIONAL, BadRollFile, Fault, read_roll

FUZEMEN = Path(__file__).parents[2] / "data" / "fuzemen" / "roll.csv"
GOOD = {
    "unit": "3-1-502",
    "exclusive_area_m2": "97.40",
    "area_source": "registered",
    "deed_no": "Z-1",
    "owner_name": "王某",
    "owner_id_no": "410102199103124205",
    "owner_kind": "person",
    "share": "1/1",
    "sale_status": "sold",
}


def table(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**GOOD, **row})
    return text.getvalue().encode()


def faults(data: bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadRollFile) as bad:
        read_roll(data)
    return [(fault.line, fault.reason) for fault in bad.value.faults]


def reasons(*rows: dict[str, Any]) -> list[tuple[int, str]]:
    return [(line, reason[:24]) for line, reason in faults(table(*rows))]


def test_the_fuzemen_roll_reads_as_it_is() -> None:
    units = read_roll(FUZEMEN.read_bytes())
    assert len(units) == 948
    assert sum(unit[0].area_dm2 for unit in units) == 9_972_700
    assert len({line.owner.id_no for unit in units for line in unit}) == 994
    assert sum(len(unit) > 1 for unit in units) == 79
    assert sum(unit[0].sale == "unsold" for unit in units) == 11
    assert sum(not unit[0].deed_no for unit in units) == 41


def test_a_line_is_read() -> None:
    ((line,),) = read_roll(table({}))
    assert (line.number, line.unit_id, line.building, line.entrance) == (2, "3-1-502", "3", "3-1")
    assert (line.area_dm2, line.use, line.share) == (9740, Use.DWELLING, 1)
    assert line.owner.name == "王某"


@pytest.mark.parametrize(
    ("text", "area_dm2"),
    [("97.4", 9740), ("97", 9700), ("0.01", 1), ("0097.40", 9740), ("9999999.99", 999_999_999)],
)
def test_areas(text: str, area_dm2: int) -> None:
    assert read_roll(table({"exclusive_area_m2": text}))[0][0].area_dm2 == area_dm2


def test_optional_columns_and_spaces() -> None:
    row = {"building": "北区", "entrance": "N-1", "use": "parking", "phone": "+86-371-1234567"}
    columns = (*COLUMNS, *OPTIONAL)
    assert faults(table(row, columns=columns))[0][0] == 2, "a building is an id"
    row = {**row, "unit": " P7 ", "building": "N", "owner_id_no": " 41010219910312420x "}
    ((line,),) = read_roll(table(row, columns=columns))
    assert (line.unit_id, line.building, line.entrance) == ("P7", "N", "N-1")
    assert (line.use, line.owner.phone) == (Use.PARKING, "+86-371-1234567")
    assert line.owner.id_no == "41010219910312420X"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_encodings_of_office_software(encoding: str) -> None:
    data = FUZEMEN.read_text(encoding="utf-8").encode(encoding)
    assert read_roll(data) == read_roll(FUZEMEN.read_bytes())


BAD_FIELDS = [
    ("unit", ["", "三-1-502", "3/1/502", "-1-2-3", "a" * 65], "unit is no unit number"),
    ("unit", ["502", "3-502"], "building and entrance"),
    (
        "exclusive_area_m2",
        ["", "-1", "97,40", "1e3", "97.405", ".5", "NaN", "９７.4", "99999999", "97.4 m2"],
        "exclusive_area_m2 is no",
    ),
    ("exclusive_area_m2", ["0", "0.00"], "exclusive_area_m2 is zero"),
    ("area_source", ["", "measured", "Registered"], "area_source is none of"),
    ("sale_status", ["", "rented"], "sale_status is none of"),
    ("owner_kind", ["", "cat"], "owner_kind is none of"),
    (
        "share",
        ["", "1", "0/1", "1/0", "2/1", "-1/2", "1/2/3", "50%", "1/1000001", "１/2"],
        "share is no fraction",
    ),
    ("owner_name", [""], "owner_name is missing"),
    ("owner_name", ["x" * 101, "a\nb", "a\x00b"], "owner_name is longer"),
    ("owner_id_no", ["", "123", "4101 02", "x" * 21, "身份证号码", "410102'"], "owner_id_no is no"),
    ("deed_no", ["x" * 101, "a\tb"], "deed_no is longer"),
]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [(column, value, reason) for column, values, reason in BAD_FIELDS for value in values],
)
def test_a_bad_field_is_told_by_line_and_reason(column: str, value: str, reason: str) -> None:
    found = faults(table({}, {"unit": "3-1-503", column: value}))
    assert len(found) == 1
    assert found[0][0] == (4 if "\n" in value else 3)
    assert found[0][1].startswith(reason)


def test_a_bad_phone_is_told() -> None:
    columns = (*COLUMNS, "phone")
    for phone in ("none", "1234", "1" * 21, "１３８００"):
        found = faults(table({"phone": phone}, columns=columns))
        assert found == [(2, "phone is no telephone number")]


def test_a_reason_repeats_no_value() -> None:
    secret = "机密0123"
    row = dict.fromkeys(COLUMNS, secret)
    told = " ".join(reason for _, reason in faults(table(row)))
    assert secret not in told
    with pytest.raises(BadRollFile, match=r"\A7 faults in the roll file\Z"):
        read_roll(table(row))


def test_faults_of_all_lines_are_told_at_once() -> None:
    found = reasons(
        {"owner_name": "", "share": "x"},
        {"unit": "3-1-503"},
        {"unit": "3-1-504", "exclusive_area_m2": "x"},
        {"unit": "3-1-503", "owner_id_no": "123456"},
    )
    assert found == [
        (2, "owner_name is missing"),
        (2, "share is no fraction lik"),
        (3, "the shares in the unit d"),
        (4, "exclusive_area_m2 is no "),
    ]


def co_owner(number: int, **fields: Any) -> dict[str, Any]:
    return {"owner_id_no": f"41010219910312{number:04}", **fields}


def test_lines_of_a_unit_must_agree() -> None:
    half = {"share": "1/2"}
    for column, value in {
        "exclusive_area_m2": "97.41",
        "area_source": "contract",
        "deed_no": "Z-2",
        "sale_status": "unsold",
    }.items():
        rows = ({**half}, co_owner(2, **half, **{column: value}))
        assert reasons(*rows) == [(3, "what the unit is differs")]


@pytest.mark.parametrize("parts", [("1/2", "1/3"), ("1/2", "2/3"), ("1/1", "1/1000000")])
def test_shares_add_up_to_one(parts: tuple[str, str]) -> None:
    rows = (co_owner(1, share=parts[0]), co_owner(2, share=parts[1]))
    assert reasons(*rows) == [(2, "the shares in the unit d")]


def test_an_owner_stands_once_in_a_unit() -> None:
    assert reasons({"share": "1/2"}, {"share": "1/2"}) == [(3, "the owner stands on line")]


def test_a_person_has_one_name() -> None:
    rows = ({}, {"unit": "3-1-503", "owner_name": "李某"})
    assert reasons(*rows) == [(3, "the owner's name, kind o")]


def test_an_entrance_stands_in_one_building() -> None:
    rows = (
        {"building": "3", "entrance": "E"},
        {"unit": "3-1-503", "building": "4", "entrance": "E"},
    )
    columns = (*COLUMNS, "building", "entrance")
    assert faults(table(*rows, columns=columns)) == [
        (3, "the entrance's building differs from line 2")
    ]


def test_owners_and_units_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    most = OWNERS_PER_UNIT_MAX
    rows = [co_owner(number, share=f"1/{most}") for number in range(most)]
    assert len(read_roll(table(*rows))[0]) == most
    rows = [co_owner(number, share=f"1/{most + 1}") for number in range(most + 1)]
    assert reasons(*rows) == [(2, "the unit has more than 6")]
    monkeypatch.setattr(rollfile, "UNITS_MAX", 1)
    assert reasons({}, {"unit": "3-1-503"}) == [(3, "there are more than 1 un")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (1, "column unit is missing")),
        (b"unit\n1-1-1\n", (1, "column area_source is missing")),
        (table().replace(b"unit", b"deed_no", 1), (1, "a column stands twice")),

        (b"x," + table({}), (1, "there is a column that is not known")),
        (table(), (2, "there is no line below the header")),
        (table({}) + b"1,2\n", (3, "2 fields where the header has 9")),
        (table({}) + b'"1', (3, "quotes or line ends are broken from here on")),
        (b"\xff\xff\xff", (1, "the file is neither UTF-8 nor GB 18030 text")),
    ],
)  # fmt: skip
def test_what_is_no_roll_table(data: bytes, expected: tuple[int, str]) -> None:
    assert expected in faults(data)


def test_a_file_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = table({})
    monkeypatch.setattr(rollfile, "FILE_BYTES_MAX", len(data))
    read_roll(data)
    assert faults(data + b"\n") == [(1, f"the file is larger than {len(data)} bytes")]


def test_empty_lines_are_nothing() -> None:
    assert len(read_roll(table({}) + b"\n\n")) == 1


def test_faults_of_good_form_are_told_beside_broken_lines() -> None:
    found = faults(table({"share": "x"}) + b"1,2\n")
    assert [line for line, _ in found] == [3, 2]


# --- Random damage ---

ROWS = list(csv.DictReader(io.StringIO(FUZEMEN.read_text(encoding="utf-8"))))[:60]


def parse_again(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The file's facts back from what was read: nothing was lost or bent."""
    return [
        {
            "unit": line.unit_id,
            "exclusive_area_m2": f"{line.area_dm2 // 100}.{line.area_dm2 % 100:02}",
            "area_source": line.area_source,
            "deed_no": line.deed_no,
            "owner_name": line.owner.name,
            "owner_id_no": line.owner.id_no,
            "owner_kind": line.owner.kind,
            "share": f"{line.share.numerator}/{line.share.denominator}",
            "sale_status": line.sale,
        }
        for line in sorted(
            (line for unit in read_roll(table(*rows)) for line in unit),
            key=lambda line: line.number,
        )
    ]


def read_or_faults(rows: list[dict[str, str]]) -> tuple[list[dict[str, str]], tuple[Fault, ...]]:
    """What was read, or what is wrong: never both, never neither."""
    try:
        return parse_again(rows), ()
    except BadRollFile as bad:
        return [], bad.faults


def is_whole(rows: list[dict[str, str]]) -> bool:
    """The rules again, plainly: shares of each unit are all there and add up to one."""
    by_unit: dict[str, list[str]] = {}
    for row in rows:
        by_unit.setdefault(row["unit"], []).append(row["share"])
    return all(shares in (["1/1"], ["1/2", "1/2"]) for shares in by_unit.values())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(
    st.integers(0, len(ROWS) - 1),
    st.sampled_from(COLUMNS),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
def test_one_changed_field_is_read_exactly_or_refused(index: int, column: str, text: str) -> None:
    rows = [dict(row) for row in ROWS]
    rows[index][column] = text
    again, found = read_or_faults(rows)
    if found:
        assert all(1 <= fault.line <= 2 * len(rows) for fault in found)
        assert all(text not in fault.reason for fault in found if len(text) > 6)
        return
    assert again
    differing = [(one, other) for one, other in zip(again, rows, strict=True) if one != other]
    for one, other in differing:
        assert {name for name in COLUMNS if one[name] != other[name]} <= {column}
        assert one[column] != ROWS[index][column] or other[column].strip() == one[column]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, len(ROWS) - 1), min_size=1, max_size=30))
def test_missing_and_repeated_lines_are_noticed(picked: list[int]) -> None:
    rows = [ROWS[index] for index in picked]
    repeated = len(set(picked)) < len(picked)
    if is_whole(rows) and not repeated:
        assert parse_again(rows) == rows
    else:
        with pytest.raises(BadRollFile):
            read_roll(table(*rows))
