"""The demo's figures, exactly; what it leaves behind; and a second run of the same story."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaincode import codec
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import CastBallot, UnitWeight
from gateway.identity.rollfile import Line, read_roll
from network.nodes import MARK
from scripts.story.ballots import MIXED, Way, draw, mostly_for
from scripts.story.gate import MOTION
from scripts.story.people import read_owners
from scripts.story.places import ROLL
from scripts.story.rules import ORDINARY, short_rule
from scripts.story.staff import read_clerks
from scripts.story.story import SCENES
from tests.demo.conftest import RUN_S_MAX, Told
from tests.support import oracle

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(RUN_S_MAX)]

OPENING_FEN = 199_454_000


def test_every_figure_is_exact(told: Told) -> None:
    found = told.summary
    assert found["owners_credentialed"] == found["owners"] == 994
    assert (found["units"], found["area_dm2"]) == (948, 9_972_700)
    assert found["outcome"] == "carried"
    assert (found["budget_fen"], found["settled_fen"]) == (850_000, 850_000)
    assert found["refused_gap_fen"] == 1
    assert found["bank_balance_fen"] == found["book_balance_fen"] == OPENING_FEN - 850_000
    assert found["salary"] == {"company_fen": 1_800_000, "owners_fen": 10_200_000}
    assert found["election"] == {
        "outcome": "carried",
        "elected": [f"owner-{number:04d}" for number in range(1, 8)],
    }
    assert found["verify_ok"] is True
    assert found["record_kept"] is True


def test_the_tally_is_what_the_owners_did(told: Told) -> None:
    tally = told.summary["tally"]
    for option, heads, area_dm2 in (
        ("for", 535, 5_717_652),
        ("against", 182, 1_978_627),
        ("abstain", 68, 722_740),
    ):
        assert tally["options"][option]["heads"] == heads
        assert tally["options"][option]["area_dm2"] == area_dm2
    expected = _expected()
    for option, weights in expected["cast"].items():
        assert _amounts(tally["options"][option]) == weights, option
    for name in ("participating", "returned", "not_returned", "spoiled"):
        assert _amounts(tally[name]) == expected[name], name


def test_what_must_be_refused_was_refused(told: Told) -> None:
    assert told.summary["forbidden_word"] == "motion/forbidden-word"
    assert told.summary["old_company_refused"] == "caller/other-company"


def test_the_certificate_is_the_file_that_was_hashed(told: Told) -> None:
    data = (told.home / "story" / "kept" / "certificate.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert hashlib.sha256(data).hexdigest() == told.summary["certificate_sha256"]


def test_time_and_memory_of_every_step_are_told(told: Told) -> None:
    steps = {one["step"]: one for one in told.summary["steps"]}
    assert list(steps) == ["network", "services", *(scene.name for scene in SCENES)]
    assert all(one["seconds"] >= 0 and one["rss_max_mb"] > 0 for one in steps.values())
    assert told.summary["seconds_total"] >= sum(one["seconds"] for one in steps.values()) - 1
    assert told.summary["rss_max_mb"] >= max(one["rss_max_mb"] for one in steps.values())


def test_nothing_is_left_running(told: Told) -> None:
    assert [file.name for file in told.home.glob("**/run/*.pid")] == []
    assert _marked(told.home) == []


def test_keys_and_secrets_are_their_owners_alone(told: Told) -> None:
    story = told.home / "story"
    keys = list((story / "people").glob("*/key.pem"))
    assert len(keys) == 994 + 7 + 5
    secret = [*keys, *story.glob("gateways/*/*.token"), *story.glob("gateways/*/*.key")]
    secret += [story / "gateways" / "bank" / name for name in ("salt", "directory.toml")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)


def test_no_log_names_anybody(told: Told) -> None:
    people = {one.id_no for one in read_owners()} | {one.applicant.id_no for one in read_clerks()}
    texts = [path.read_text(errors="replace") for path in told.home.glob("**/logs/*.log")]
    assert len(texts) > 20
    for text in (*texts, told.output):
        assert not any(id_no in text for id_no in people)
        assert "PRIVATE KEY" not in text


def test_a_second_run_goes_on_with_what_is_there(told: Told, again: Told) -> None:
    for name in ("owners_credentialed", "tally", "certificate_sha256", "ballots_sha256"):
        assert again.summary[name] == told.summary[name], name
    assert again.summary["verify_ok"] is True
    assert again.summary["settled_fen"] == 850_000
    done_before = again.output.count("done before")
    assert done_before == len([scene for scene in SCENES if scene.name not in _ALWAYS])
    assert again.summary["seconds_total"] > told.summary["seconds_total"]
    assert "act send cast_ballot" in again.output


_ALWAYS = {"figures", "verify"}
"""Steps that only look."""


def _marked(home: Path) -> list[int]:
    """Processes that any run in this home started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK, "").startswith(str(home.resolve())):
                found.append(process.pid)
    return found


def _expected() -> dict[str, Any]:
    """The oracle's tally of what each owner was drawn to do."""
    rule = codec.decode(json.dumps(short_rule(ORDINARY)), DecisionRule)
    ballots = [
        CastBallot(
            unit_id=unit,
            choices=() if answer.way is Way.SPOILED else tuple(answer.choices),
            paper=answer.way in (Way.PAPER, Way.SPOILED),
            spoiled=answer.way is Way.SPOILED,
        )
        for answer in draw(read_owners(), MOTION, MIXED, mostly_for)
        if answer.way is not Way.AWAY
        for unit in answer.owner.wards
    ]
    weights = [_weight(lines) for lines in read_roll(ROLL.read_bytes())]
    return oracle.count(rule, weights, ballots, ["for", "against", "abstain"], set())


def _weight(lines: tuple[Line, ...]) -> UnitWeight:
    first = lines[0]
    unsold = first.owner.kind == "organisation"
    return UnitWeight(
        unit_id=first.unit_id,
        head_id="developer" if unsold else "+".join(sorted(line.owner.id_no for line in lines)),
        area_dm2=first.area_dm2,
        developer_unsold=unsold,
        parking=False,
    )


def _amounts(weights: dict[str, int]) -> dict[str, int]:
    return {"area": weights["area_dm2"], **{m: weights[m] for m in oracle.MEASURES if m != "area"}}
