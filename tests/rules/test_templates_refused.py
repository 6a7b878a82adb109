"""Every contradiction a rule may hold has its own refusal, and its other side is accepted."""

from pathlib import Path
from typing import Any

import pytest

from chaincode.errors import RuleForbids
from chaincode.rules.templates import validate_rule
from tests.support.vectors import changed

DAY_MS = 86_400_000

AREA = {"measure": "area"}
HEADS = {"measure": "heads", "merge": "owner-set"}


def turnout(**fields: Any) -> dict[str, Any]:
    clause = {"measure": "area", "op": ">=", "num": 2, "den": 3} | fields
    return {"turnout": {"clauses": [clause]}}


def passing(**fields: Any) -> dict[str, Any]:
    clause = {
        "measure": "area",
        "count": "yes",
        "op": ">",
        "num": 1,
        "den": 2,
        "basis": "participating",
    }
    return {"passing": {"clauses": [clause | fields]}}


def second_call(**fields: Any) -> dict[str, Any]:
    second = {"after_ms": DAY_MS, **turnout(num=1, den=4)} | fields
    return {"second_call": second}


def seats(**fields: Any) -> dict[str, Any]:
    terms = {
        "seats": 5,
        "seats_min": 3,
        "max_choices": 5,
        "alternates_max": 2,
        "ranking": {"by": "area+heads", "ties": ["area", "heads", "lot"]},
        "nota_blocks": True,
    }
    options = ["none-of-these", "abstain"]
    return {"ballot": {"kind": "election", "options": options, "multi_seat": terms | fields}}


def grades(*pairs: tuple[str, int]) -> dict[str, Any]:
    listed = [{"option": option, "score": score} for option, score in pairs]
    ballot = {"kind": "rating", "options": ["abstain"], "grades": listed}
    return {"ballot": ballot, "passing": {"clauses": []}}


def choice(*ties: str, by: str = "area+heads", options: Any = None) -> dict[str, Any]:
    ranking = {"by": by, "ties": list(ties)}
    kept = options or ["none-of-these", "abstain"]
    return {"ballot": {"kind": "choice", "options": kept, "choice_ranking": ranking}}


def options(*names: str) -> dict[str, Any]:
    return {"ballot": {"kind": "decision", "options": list(names)}}


COMMITTEE = {"initiators": ["committee"]}
NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"version": 0}, "rule/version-out-of-range"),
    ({"legal_basis": []}, "rule/legal-basis-missing"),
    ({"legal_basis": ["Art. 278", "  "]}, "rule/legal-basis-missing"),
    ({"effective_from": "2021-02-30"}, "rule/date-unreadable"),
    ({"effective_to": "2021-13-01"}, "rule/date-unreadable"),
    ({"effective_to": "2020-12-31"}, "rule/dates-contradict"),
    ({"superseded_by": "cn-278-ordinary"}, "rule/supersedes-itself"),
    ({"measures": []}, "rule/measure-missing"),
    ({"measures": [AREA, HEADS, AREA]}, "rule/measure-repeated"),
    ({"measures": [AREA, {"measure": "heads"}]}, "rule/merge-missing"),
    ({"measures": [HEADS, AREA | {"merge": "unit"}]}, "rule/merge-not-for-measure"),
    ({"measures": [AREA, HEADS | {"sources": ["registered"]}]}, "rule/source-not-for-measure"),
    ({"measures": [HEADS]}, "rule/measure-unknown"),
    (turnout(measure="lots"), "rule/measure-unknown"),
    (turnout(den=0), "rule/threshold-out-of-range"),
    (turnout(num=0, den=0), "rule/threshold-out-of-range"),
    (turnout(num=4), "rule/threshold-out-of-range"),
    (turnout(num=0), "rule/threshold-always-met"),
    (turnout(op=">", num=3), "rule/threshold-never-met"),
    (turnout(op="<="), "rule/operator-not-for-turnout"),
    (turnout(op="<"), "rule/operator-not-for-turnout"),
    ({"turnout": {"clauses": turnout()["turnout"]["clauses"] * 2}}, "rule/clause-repeated"),
    (second_call() | {"turnout": {"clauses": []}}, "rule/second-call-without-turnout"),
    (second_call(after_ms=0), "rule/second-call-without-delay"),
    (second_call(**turnout(den=0)), "rule/threshold-out-of-range"),
    (second_call(**passing(num=9)), "rule/threshold-out-of-range"),
    (second_call(passing={"clauses": []}), "rule/passing-missing"),
    ({"passing": {"clauses": []}}, "rule/passing-missing"),
    (passing(measure="lots"), "rule/measure-unknown"),
    (passing(den=0), "rule/threshold-out-of-range"),
    (passing(num=3), "rule/threshold-out-of-range"),
    (passing(num=2), "rule/threshold-never-met"),
    (passing(op=">=", num=0), "rule/threshold-always-met"),
    (passing(count="no", op="<=", num=2), "rule/threshold-always-met"),
    (passing(count="no", op="<", num=0), "rule/threshold-never-met"),
    (passing(op="<="), "rule/operator-not-for-count"),
    (passing(op="<"), "rule/operator-not-for-count"),
    (passing(count="no"), "rule/operator-not-for-count"),
    (passing(count="no", op=">="), "rule/operator-not-for-count"),
    (passing(count="yes+abstain", op="<="), "rule/operator-not-for-count"),
    (passing(count="yes+abstain", basis="cast-yes+no"), "rule/basis-not-for-count"),
    ({"passing": {"clauses": passing()["passing"]["clauses"] * 2}}, "rule/clause-repeated"),
    (seats() | passing(count="no", op="<="), "rule/count-not-for-kind"),
    (seats() | passing(count="yes+abstain"), "rule/count-not-for-kind"),
    (seats() | passing(basis="cast-yes+no"), "rule/basis-not-for-kind"),
    (choice() | passing(count="no", op="<="), "rule/count-not-for-kind"),
    (grades(("good", 2), ("bad", 1)) | passing(), "rule/passing-not-for-kind"),
    (options("for", "abstain"), "rule/option-missing"),
    (options("for", "against"), "rule/option-missing"),
    (options("against", "abstain"), "rule/option-missing"),
    (options("for", "against", "abstain", "plan-b"), "rule/option-not-for-kind"),
    (options("for", "against", "abstain", "abstain"), "rule/option-repeated"),
    (choice(options=["abstain"]), "rule/option-missing"),
    (choice(options=["none-of-these", "abstain", "for"]), "rule/option-not-for-kind"),
    (
        {"ballot": {"kind": "election", "options": ["none-of-these", "abstain"]}},
        "rule/seats-not-for-kind",
    ),
    ({"ballot": {"multi_seat": seats()["ballot"]["multi_seat"]}}, "rule/seats-not-for-kind"),
    (
        {"ballot": {"kind": "choice", "options": ["none-of-these", "abstain"]}},
        "rule/ranking-not-for-kind",
    ),
    (
        {"ballot": {"choice_ranking": choice()["ballot"]["choice_ranking"]}},
        "rule/ranking-not-for-kind",
    ),
    ({"ballot": {"grades": [{"option": "good", "score": 1}]}}, "rule/grades-not-for-kind"),
    (grades(), "rule/grades-missing"),
    (grades(("good", 1)), "rule/grades-missing"),
    (grades(("good", 1), ("good", 2)), "rule/grade-repeated"),
    (grades(("good", 1), ("fine", 1)), "rule/grade-repeated"),
    (grades(("good", 1), ("abstain", 2)), "rule/option-repeated"),
    (seats(seats=0), "rule/seats-out-of-range"),
    (seats(seats=100), "rule/seats-out-of-range"),
    (seats(seats_min=0), "rule/seats-min-out-of-range"),
    (seats(seats_min=6), "rule/seats-min-out-of-range"),
    (seats(max_choices=0), "rule/max-choices-out-of-range"),
    (seats(max_choices=100), "rule/max-choices-out-of-range"),
    (seats(alternates_max=100), "rule/alternates-out-of-range"),
    (seats(ranking={"by": "area", "ties": ["heads"]}), "rule/ties-without-lot"),
    (seats(ranking={"by": "area", "ties": []}), "rule/ties-without-lot"),
    (seats(ranking={"by": "area", "ties": ["lot", "heads"]}), "rule/lot-not-last"),
    (seats(ranking={"by": "lots", "ties": ["lot"]}), "rule/measure-unknown"),
    (choice("area", "area"), "rule/tie-repeated"),
    (choice("lot", "area"), "rule/lot-not-last"),
    (choice(by="share_value"), "rule/measure-unknown"),
    ({"follow_majority": {"clause": " "}}, "rule/follow-majority-without-clause"),
    (seats() | {"follow_majority": {"clause": "Art. 9"}}, "rule/follow-majority-not-for-kind"),
    ({"secrecy": "secret"}, "rule/secrecy-not-available"),
    ({"channels": {"online": False, "paper": False}}, "rule/channel-missing"),
    ({"proxy": {"allowed": False, "cap_count": 1}}, "rule/proxy-cap-without-proxy"),
    ({"proxy": {"allowed": True, "cap_percent": 101}}, "rule/proxy-cap-out-of-range"),
    ({"proxy": {"allowed": True, "cap_percent": 5}}, "rule/proxy-cap-contradicts"),
    (
        {"proxy": {"allowed": True, "cap_count": 1, "cap_count_lots_max": 20}},
        "rule/proxy-cap-contradicts",
    ),
    (
        {"proxy": {"allowed": True, "cap_percent": 5, "cap_count_lots_max": 20}},
        "rule/proxy-cap-contradicts",
    ),
    ({"times": {"window_min_ms": 2, "window_max_ms": 1}}, "rule/window-contradicts"),
    ({"times": {"extension_ms": 1}}, "rule/extension-contradicts"),
    ({"times": {"extensions_max": 1}}, "rule/extension-contradicts"),
    ({"authority": {"initiators": []}}, "rule/initiator-missing"),
    ({"authority": {"initiators": ["committee", "committee"]}}, "rule/initiator-repeated"),
    ({"authority": COMMITTEE | {"petition_num": 0}}, "rule/petition-out-of-range"),
    ({"authority": COMMITTEE | {"petition_num": 6}}, "rule/petition-out-of-range"),
    ({"authority": COMMITTEE | {"petition_den": 0}}, "rule/petition-out-of-range"),
    ({"authority": COMMITTEE | {"approvals_before_open": ["a", "a"]}}, "rule/approval-repeated"),
    # Two things wrong: the part that stands first in the rule is named.
    ({"legal_basis": [], "measures": []}, "rule/legal-basis-missing"),
    (turnout(den=0) | passing(den=0) | options("for"), "rule/threshold-out-of-range"),
    (options("for") | {"follow_majority": {"clause": " "}}, "rule/option-missing"),
]


@pytest.mark.parametrize(("change", "code"), NONSENSE)
def test_nonsense_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleForbids) as refusal:
        validate_rule(changed("cn-278-ordinary", change))
    assert refusal.value.code == code


SENSE = [
    turnout(num=3),
    turnout(op=">", num=0),
    passing(op=">=", num=2),
    passing(op=">", num=0, basis="all"),
    passing(count="no", op="<=", num=0, basis="all"),
    passing(count="no", op="<", num=2, basis="all"),
    passing(count="yes+abstain"),
    second_call(),
    second_call(once=False, **passing(op=">=")),
    {"effective_to": "2021-01-01"},
    seats(seats=1, seats_min=1, max_choices=1, alternates_max=0),
    seats(seats=99, max_choices=99, alternates_max=99),
    choice(),
    choice("heads", "lot"),
    grades(("yes", 1), ("no", 0)),
    {"follow_majority": {"clause": "Rules of procedure Art. 9"}},
    {"secrecy": "sealed-then-named"},
    {"channels": {"online": True, "paper": False}},
    {"proxy": {"allowed": False}},
    {"proxy": {"allowed": True, "cap_count": 3}},
    {"proxy": {"allowed": True, "cap_count": 1, "cap_count_lots_max": 20, "cap_percent": 100}},
    {"times": {"window_min_ms": 1, "window_max_ms": 1}},
    {"times": {"window_min_ms": 5, "window_max_ms": 0}},
    {"times": {"extension_ms": 1, "extensions_max": 1}},
    {"authority": COMMITTEE | {"petition_num": 5}},
]


@pytest.mark.parametrize("change", SENSE)
def test_the_other_side_of_each_refusal_is_accepted(change: dict[str, Any]) -> None:
    validate_rule(changed("cn-278-ordinary", change))


def test_every_code_of_validation_is_tested() -> None:
    source = Path(validate_rule.__code__.co_filename).read_text("utf-8")
    written = {part.split('"')[0] for part in source.split('"rule/')[1:]}
    assert {f"rule/{code}" for code in written} == {code for _, code in NONSENSE}


def test_a_refusal_names_ids_and_numbers() -> None:
    with pytest.raises(RuleForbids) as refusal:
        validate_rule(changed("cn-278-ordinary", turnout(num=4)))
    assert refusal.value.details == {"num": 4, "den": 3}
    with pytest.raises(RuleForbids) as refusal:
        validate_rule(changed("cn-278-ordinary", options("for", "abstain")))
    assert refusal.value.details == {"option": "against"}
