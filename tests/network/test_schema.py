"""Reading values against a shape: every kind of bad value is one finding with its path."""

import pytest

from network.schema import (
    Auto,
    Choice,
    Findings,
    Key,
    ListOf,
    MapOf,
    Record,
    Spec,
    Text,
    Whole,
    duration,
    key_paths,
    size,
)

WORD = Text(r"[a-z]+", "small letters")


def problems(spec: Spec, value: object) -> list[str]:
    findings = Findings()
    spec.read(value, "here", findings)
    return [str(finding) for finding in findings.noted]


@pytest.mark.parametrize(
    ("spec", "value", "read"),
    [
        (WORD, "bank", "bank"),
        (Text(r"[\d.]+", "a version"), 3.1, "3.1"),
        (Whole(1, 3), 3, 3),
        (duration("1ms", "1h"), "50ms", 50),
        (duration("1ms", "1h"), "2m", 120_000),
        (duration("1ms", "1h"), "1h", 3_600_000),
        (size("1KB", "100MB"), "64 KB", 65_536),
        (Choice(("bft", "raft")), "raft", "raft"),
        (Auto(Whole(1, 3)), "auto", None),
        (Auto(Whole(1, 3)), 2, 2),
        (ListOf(WORD, 1, 2), ["a", "b"], ["a", "b"]),
        (ListOf(WORD, 1, 2, repeats=True), ["a", "a"], ["a", "a"]),
        (MapOf(WORD, Whole(1, 3), 2), {"a": 1}, {"a": 1}),
        (Record({"a": Key(WORD, "x"), "b": Key(WORD, None)}), {}, {"a": "x", "b": None}),
    ],
)
def test_good_values_are_read(spec: Spec, value: object, read: object) -> None:
    findings = Findings()
    assert spec.read(value, "here", findings) == read
    assert findings.noted == []


@pytest.mark.parametrize(
    ("spec", "value", "problem"),
    [
        (WORD, "Bank", "here: 'Bank' must be small letters"),
        (WORD, "bank\n", "here: 'bank\\n' must be small letters"),
        (WORD, None, "here: must be text: small letters"),
        (WORD, True, "here: must be text: small letters"),
        (Whole(1, 3), 0, "here: must be a whole number from 1 to 3"),
        (Whole(1, 3), 4, "here: must be a whole number from 1 to 3"),
        (Whole(0, 3), True, "here: must be a whole number from 0 to 3"),
        (Whole(1, 3), "2", "here: must be a whole number from 1 to 3"),
        (Whole(1, 3), 2.0, "here: must be a whole number from 1 to 3"),
        (duration("1s", "1m"), 5, "here: must be 1s to 1m, with a unit (ms, s, m, h)"),
        (duration("1s", "1m"), "5", "here: must be 1s to 1m, with a unit (ms, s, m, h)"),
        (duration("1s", "1m"), "999ms", "here: must be 1s to 1m, with a unit (ms, s, m, h)"),
        (duration("1s", "1m"), "61s", "here: must be 1s to 1m, with a unit (ms, s, m, h)"),
        (duration("1s", "1m"), "-1s", "here: must be 1s to 1m, with a unit (ms, s, m, h)"),
        (size("1KB", "1MB"), "2MB", "here: must be 1KB to 1MB, with a unit (KB, MB)"),
        (Choice(("bft", "raft")), "kafka", "here: must be one of: bft, raft"),
        (Choice(("bft", "raft")), ["bft"], "here: must be one of: bft, raft"),
        (Auto(Whole(1, 3)), "AUTO", "here: must be a whole number from 1 to 3"),
        (ListOf(WORD, 1, 2), "ab", "here: must be a list of 1 to 2 entries"),
        (ListOf(WORD, 1, 2), [], "here: must be a list of 1 to 2 entries"),
        (ListOf(WORD, 1, 2), ["a", "a"], "here[1]: 'a' is listed twice"),
        (ListOf(WORD, 1, 2), ["a", 5.5], "here[1]: '5.5' must be small letters"),
        (MapOf(WORD, WORD, 2), {}, "here: must be a mapping with 1 to 2 entries"),
        (MapOf(WORD, WORD, 2), ["a"], "here: must be a mapping with 1 to 2 entries"),
        (MapOf(WORD, WORD, 2), {"A": "x"}, "here.A: 'A' must be small letters"),
        (Record({"a": Key(WORD)}), {}, "here.a: is missing"),
        (Record({"a": Key(WORD, "x")}), [], "here: must be a mapping"),
        (Record({"a": Key(WORD, "x")}), {"b": 1}, "here.b: is not a known key (known: a)"),
    ],
)
def test_a_bad_value_is_one_finding_with_its_path(spec: Spec, value: object, problem: str) -> None:
    assert problems(spec, value) == [problem]


def test_every_finding_is_noted() -> None:
    spec = Record({"a": Key(Whole(1, 3)), "b": Key(ListOf(WORD, 1, 9)), "c": Key(WORD)})
    assert problems(spec, {"a": 9, "b": ["A", "B"], "d": 1}) == [
        "here.d: is not a known key (known: a, b, c)",
        "here.a: must be a whole number from 1 to 3",
        "here.b[0]: 'A' must be small letters",
        "here.b[1]: 'B' must be small letters",
        "here.c: is missing",
    ]


def test_a_bad_value_is_replaced_by_its_default() -> None:
    spec = Record({"peers": Key(Whole(0, 10), 1)})
    assert spec.read({"peers": "many"}, "", Findings()) == {"peers": 1}


def test_key_paths_name_every_key() -> None:
    spec = Record({
        "orgs": Key(MapOf(WORD, Record({"msp": Key(WORD)}), 3)),
        "channels": Key(ListOf(Record({"name": Key(WORD)}), 0, 3)),
        "ports": Key(Auto(Whole(1, 3)), "auto"),
    })  # fmt: skip
    assert list(key_paths(spec)) == [
        "orgs", "orgs.<name>.msp", "channels", "channels[].name", "ports",
    ]  # fmt: skip
