"""The templates that ship: complete, sound, dated; and files that are refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import chaincode.templates
from chaincode.codec import decode, encode
from chaincode.errors import BadInput, RuleForbids
from chaincode.model.rule import DecisionRule
from chaincode.rules.templates import in_force
from chaincode.templates import load_templates, read_template
from tests.support.vectors import TEMPLATES

FOLDER = Path(chaincode.templates.__file__).parent
DAY_MS = 86_400_000

# Table 2d of the reference and the local rules beside it.
SHIPPED = [
    "beijing-2024-committee-seat",
    "beijing-2024-ordinary",
    "beijing-2024-special",
    "california-directors",
    "cn-2007-ordinary",
    "cn-2007-special",
    "cn-278-choice",
    "cn-278-committee-seat",
    "cn-278-fund-use-part",
    "cn-278-ordinary",
    "cn-278-ordinary-follow-majority",
    "cn-278-rating",
    "cn-278-special",
    "cn-279-home-to-business",
    "cn-281-emergency-ratify",
    "cn-committee-meeting",
    "guangzhou-2021-ordinary",
    "hangzhou-2021-committee-seat",
    "hangzhou-2021-extraordinary",
    "hangzhou-2021-ordinary",
    "henan-2017-objection",
    "hk-appoint",
    "hk-ordinary",
    "hoa-amendment-67",
    "liaocheng-ordinary",
    "nsw-ordinary",
    "nsw-special",
    "qingyuan-2022-ordinary",
    "qld-special",
    "sg-90",
    "sg-ordinary",
    "sg-special",
    "sg-unanimous",
    "shanghai-2020-committee-seat",
    "shanghai-2020-part",
    "shenzhen-2019-ordinary",
    "tw-ordinary",
    "tw-second-call",
    "tw-special",
    "uk-commonhold-100",
    "uk-commonhold-75",
    "uk-commonhold-80",
    "uk-rtm",
    "weg-21-2",
    "weg-25-majority",
    "weg-25-old",
    "zhejiang-2009-follow-majority",
    "zhuhai-2019-ordinary",
]


def test_all_templates_ship_in_order_of_ids() -> None:
    assert list(load_templates()) == SHIPPED


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_template_file(path: Path) -> None:
    rule = read_template(path.read_bytes())
    assert rule.id == path.stem
    assert decode(encode(rule), DecisionRule) == rule
    assert rule.superseded_by is None or rule.superseded_by in TEMPLATES


def test_superseded_rules_are_flagged_and_out_of_force() -> None:
    flagged = {rule.id: rule.superseded_by for rule in TEMPLATES.values() if rule.superseded_by}
    assert flagged == {
        "cn-2007-ordinary": "cn-278-ordinary",
        "cn-2007-special": "cn-278-special",
        "guangzhou-2021-ordinary": "cn-278-ordinary",
        "henan-2017-objection": "cn-278-ordinary",
        "weg-25-old": "weg-25-majority",
        "zhejiang-2009-follow-majority": "cn-278-ordinary-follow-majority",
    }


@pytest.mark.parametrize(
    ("rule_id", "day", "expected"),
    [
        ("cn-2007-ordinary", "2007-09-30", False),
        ("cn-2007-ordinary", "2007-10-01", True),
        ("cn-2007-ordinary", "2020-12-31", True),
        ("cn-2007-ordinary", "2021-01-01", False),
        ("cn-278-ordinary", "2020-12-31", False),
        ("cn-278-ordinary", "2021-01-01", True),
        ("cn-278-ordinary", "2099-01-01", True),
        ("guangzhou-2021-ordinary", "2023-03-27", True),
        ("guangzhou-2021-ordinary", "2023-03-28", False),
        ("weg-25-old", "2020-11-30", True),
        ("weg-25-majority", "2020-12-01", True),
    ],
)
def test_dates_in_force(rule_id: str, day: str, expected: bool) -> None:
    assert in_force(TEMPLATES[rule_id], day) is expected


def test_figures_of_local_law() -> None:
    """The numbers of tables 2b and 2c that no threshold vector shows."""
    hangzhou, beijing = TEMPLATES["hangzhou-2021-ordinary"], TEMPLATES["beijing-2024-ordinary"]
    assert hangzhou.times.window_min_ms == 5 * DAY_MS
    assert hangzhou.times.window_max_ms == 60 * DAY_MS
    assert hangzhou.times.notice_ms == 15 * DAY_MS
    assert TEMPLATES["hangzhou-2021-extraordinary"].times.notice_ms == 7 * DAY_MS
    assert beijing.times.result_due_ms == 3 * DAY_MS
    assert beijing.revote == "irrevocable"
    assert beijing.authority.host == "city-system"
    petition = beijing.authority
    assert (petition.petition_num, petition.petition_den, petition.petition_by_area) == (
        1,
        20,
        True,
    )
    ordinary = TEMPLATES["cn-278-ordinary"].authority
    assert (ordinary.petition_num, ordinary.petition_den) == (1, 5)
    assert TEMPLATES["qingyuan-2022-ordinary"].times.publication_ms == 15 * DAY_MS
    assert TEMPLATES["cn-278-ordinary"].times.filing_due_ms == 30 * DAY_MS
    nsw = TEMPLATES["nsw-special"].proxy
    assert (nsw.cap_count, nsw.cap_count_lots_max, nsw.cap_percent) == (1, 20, 5)
    singapore = TEMPLATES["sg-special"].proxy
    assert (singapore.cap_count, singapore.cap_percent) == (2, 2)
    assert TEMPLATES["california-directors"].times.window_min_ms == 30 * DAY_MS
    assert TEMPLATES["shanghai-2020-committee-seat"].electorate.arrears == "no-candidacy"
    assert TEMPLATES["weg-21-2"].electorate.conflicted == "no-vote"
    assert TEMPLATES["shenzhen-2019-ordinary"].channels.precedence == "online"


def test_own_knowledge_is_marked() -> None:
    marked = {r.id for r in TEMPLATES.values() if any("unverified" in b for b in r.legal_basis)}
    foreign = {r.id for r in TEMPLATES.values() if not r.jurisdiction.startswith("CN")}
    assert foreign < marked
    assert {"cn-278-ordinary", "cn-278-special"}.isdisjoint(marked)


def test_a_pinned_rule_has_one_hash() -> None:
    rule = TEMPLATES["cn-278-ordinary"]
    explicit = json.dumps(json.loads(encode(rule)), indent=4).encode()
    digests = {hashlib.sha256(encode(r)).hexdigest() for r in (rule, read_template(explicit))}
    assert len(digests) == 1


def turnout(**fields: Any) -> dict[str, Any]:
    clause = {"measure": "area", "op": ">=", "num": 2, "den": 3} | fields
    return {"turnout": {"clauses": [clause]}}


def template_with(**fields: object) -> bytes:
    stored = json.loads((FOLDER / "cn-278-ordinary.json").read_text("utf-8"))
    return json.dumps(stored | fields).encode()


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "input/malformed"),
    (b"{", "input/malformed"),
    (b"[]", "input/malformed"),
    (b"\xff", "input/malformed"),
    (template_with(quorum="high"), "input/malformed"),
    (template_with(version="1"), "input/malformed"),
    (template_with(version=1.5), "input/malformed"),
    (template_with(id="no spaces"), "input/malformed"),
    (template_with(effective_from="1 Jan 2021"), "input/malformed"),
    (template_with(passing={"clauses": [{"measure": "area"}]}), "input/malformed"),
    (template_with(**turnout(num=-1)), "input/malformed"),
    (template_with(**turnout(den=1_000_001)), "input/malformed"),
    (template_with(**turnout(op="=>")), "input/malformed"),
    (template_with(**turnout(measure="volume")), "input/malformed"),
    (template_with(follow_majority={"clause": ""}), "input/malformed"),
    (template_with()[:-1] + b', "version": 2}', "input/duplicate-field"),
]


@pytest.mark.parametrize(("data", "code"), UNREADABLE)
def test_unreadable_templates_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_template(data)
    assert refusal.value.code == code


def test_a_readable_but_contradictory_template_is_refused() -> None:
    with pytest.raises(RuleForbids) as refusal:
        read_template(template_with(**turnout(den=0)))
    assert refusal.value.code == "rule/threshold-out-of-range"
