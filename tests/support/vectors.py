"""Reads the hand-made vectors of tests/rules/vectors; the tables explain themselves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from chaincode.codec import encode
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import CastBallot, OptionTally, Tally, UnitWeight, Weights
from chaincode.templates import load_templates

FOLDER = Path(__file__).parent.parent / "rules" / "vectors"
TEMPLATES = load_templates()


def tables(name: str) -> list[dict[str, Any]]:
    """The tables of one vector file."""
    loaded: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


def rows(*names: str) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """(rule id, table, cells) of every row, once per rule of its table."""
    for name in names:
        for table in tables(name):
            for rule_id in table["rules"]:
                for row in table["rows"]:
                    yield rule_id, table, [cell.strip() for cell in row.split("|")]


def weights(table: dict[str, Any], numbers: str) -> Weights:
    """ "6000 60" in the table's measures."""
    names = {"area": "area_dm2"}
    pairs = zip(table["measures"], numbers.split(), strict=True)
    return Weights(**{names.get(measure, measure): int(number) for measure, number in pairs})


def changed(rule_id: str, change: dict[str, Any]) -> DecisionRule:
    """A template with some fields replaced."""
    fields = json.loads(encode(TEMPLATES[rule_id])) | change
    return msgspec.convert(fields, DecisionRule, strict=True)


def tally_of(
    options: dict[str, Weights],
    participating: Weights,
    not_returned: Weights | None = None,
    follow: tuple[str, Weights] | None = None,
) -> Tally:
    """A tally from what a vector names; everything else is nothing."""
    follows, followed = follow or ("", Weights())
    return Tally(
        options=tuple(
            OptionTally(
                option=option, cast=cast, followed=followed if option == follows else Weights()
            )
            for option, cast in options.items()
        ),
        participating=participating,
        returned=participating,
        not_returned=not_returned or Weights(),
        spoiled=Weights(),
        followed=followed,
        ballots_count=participating.lots,
        paper_count=0,
        spoiled_count=0,
        split_heads=0,
        partial_heads=0,
    )


def read_units(cell: str) -> tuple[list[UnitWeight], set[str]]:
    """Units, and which of them are served, from "u1 head 9740 D; u2 ...".

    D unsold by the developer, P parking, A in arrears, S served.
    """
    units, served = [], set()
    for part in filter(None, cell.split("; ")):
        unit_id, head_id, area, *marks = part.split()
        units.append(
            UnitWeight(
                unit_id=unit_id,
                head_id=head_id,
                area_dm2=int(area),
                developer_unsold="D" in marks,
                parking="P" in marks,
                in_arrears="A" in marks,
            )
        )
        served |= {unit_id} if "S" in marks else set()
    return units, served


def read_ballots(cell: str) -> list[CastBallot]:
    """ "u1=for u2=a,b~ u3!": ballots; ~ on paper, ! spoiled."""
    ballots = []
    for part in cell.split():
        unit_id, _, chosen = part.rstrip("~!").partition("=")
        choices = tuple(chosen.split(",")) if chosen else ()
        spoiled = "!" in part
        ballots.append(
            CastBallot(unit_id=unit_id, choices=choices, spoiled=spoiled, paper="~" in part)
        )
    return ballots
