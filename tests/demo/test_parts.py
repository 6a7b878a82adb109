"""The demo's parts, without a network."""

import json
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from chaincode import codec
from chaincode.model.rule import DecisionRule
from chaincode.templates import load_templates
from gateway.attachments.types import FILE_TYPES
from network.home import open_network
from scripts.hand.errors import NotKnown, Refused
from scripts.hand.gateways import Answer, Gateways, NoAnswer
from scripts.story import desks
from scripts.story.ballots import MIXED, PLAIN, Way, draw, mostly_for
from scripts.story.bankfiles import bank_settings, name_customer
from scripts.story.clock import TooLate, wait_for
from scripts.story.demo import CONFIG, Demo
from scripts.story.desks import Desk, no_proof, operator, patiently
from scripts.story.finish import CHECKOUT, where_to_look
from scripts.story.papers import letter, picture, text
from scripts.story.people import co_owned, key_of, read_owners
from scripts.story.places import ORGS, open_places
from scripts.story.progress import MemoryWatch, Teller
from scripts.story.rules import ELECTION, ORDINARY, TEMPLATES, short_rule
from scripts.story.world import World

PERIODS = {"notice_ms", "candidate_notice_ms", "extension_ms", "extensions_max", "objection_ms"}
SEATS = {"seats", "seats_min", "max_choices"}


# --- People and what they do ---


def test_the_roll_names_994_owners_who_speak_for_948_units() -> None:
    owners = read_owners()
    wards = [unit for owner in owners for unit in owner.wards]
    assert (len(owners), len(wards), len(set(wards))) == (994, 948, 948)
    assert len({owner.label for owner in owners}) == 994
    assert [len(owner.units) for owner in owners if owner.is_developer] == [11]


def test_whoever_speaks_for_a_co_owned_unit_comes_first() -> None:
    units = co_owned(read_owners())
    assert len(units) == 79
    for unit, owners in units.items():
        assert unit in owners[0].wards
        assert not any(unit in other.wards for other in owners[1:])


def test_what_owners_do_follows_from_the_roll_and_the_motion_alone() -> None:
    owners = read_owners()
    drawn = draw(owners, "gate", MIXED, mostly_for)
    assert drawn == draw(owners, "gate", MIXED, mostly_for)
    assert drawn != draw(owners, "other", MIXED, mostly_for)
    assert not any(answer.owner.is_developer for answer in drawn)
    assert set(Counter(answer.way for answer in drawn)) == set(MIXED) == set(Way)
    assert {answer.way for answer in draw(owners, "gate", PLAIN, mostly_for)} == set(PLAIN)
    for answer in drawn:
        assert (answer.proxy is not None) == (answer.way is Way.PROXY)
        assert (answer.before is not None) == (answer.way is Way.AGAIN)
        assert answer.proxy is not answer.owner


# --- Rules ---


@pytest.mark.parametrize("matter_class", [ELECTION, ORDINARY])
def test_nothing_but_periods_seats_and_initiators_is_changed(matter_class: str) -> None:
    rule = short_rule(matter_class)
    codec.decode(json.dumps(rule), DecisionRule)
    shipped = json.loads(codec.encode(load_templates()[TEMPLATES[matter_class]]))
    differing = {name for name in rule if rule[name] != shipped[name]}
    assert differing <= {"id", "title", "times", "ballot", "authority"}
    assert _changed(rule["times"], shipped["times"]) == PERIODS
    assert _changed(rule["authority"], shipped["authority"]) <= {"initiators"}
    if matter_class == ELECTION:
        assert _changed(rule["ballot"], shipped["ballot"]) == {"multi_seat"}
        seats = _changed(rule["ballot"]["multi_seat"], shipped["ballot"]["multi_seat"])
        assert seats == SEATS
    else:
        assert rule["ballot"] == shipped["ballot"]


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    return {name for name in one if one[name] != other.get(name)}


# --- Papers ---


@pytest.mark.parametrize(
    ("paper", "media_type"),
    [
        (letter("Quote"), "application/pdf"),
        (picture(1, 2, 3), "image/png"),
        (text("words"), "text/plain"),
    ],
)
def test_papers_are_what_they_say(paper: Any, media_type: str) -> None:
    kind = FILE_TYPES[media_type]
    assert paper.media_type == media_type
    assert len(paper.data) <= kind.bytes_max
    for place, part in kind.parts.items():
        assert paper.data[place : place + len(part)] == part
    assert paper.document()["bytes_count"] == len(paper.data)


def test_papers_are_the_same_every_time() -> None:
    assert letter("a", "b") == letter("a", "b") != letter("a")
    assert picture(1, 2, 3) == picture(1, 2, 3) != picture(3, 2, 1)


# --- Places ---


def test_ports_once_chosen_stay(tmp_path: Path) -> None:
    chosen = open_places(tmp_path, "auto").ports
    assert open_places(tmp_path, "fixed").ports == chosen
    numbers = [
        *chosen.gateways.values(),
        *chosen.operations.values(),
        chosen.authority,
        chosen.bank,
    ]
    assert len(set(numbers)) == 2 * len(ORGS) + 2


def test_fixed_ports_are_those_of_the_manual(tmp_path: Path) -> None:
    places = open_places(tmp_path, "fixed")
    assert [places.url(org) for org in ORGS] == [
        f"http://127.0.0.1:{port}" for port in (7400, 7401, 7402, 7403)
    ]
    assert list(places.ports.operations.values()) == [7410, 7411, 7412, 7413]
    assert (places.ports.authority, places.ports.bank) == (7420, 7421)


def test_the_bank_knows_nobody_until_it_enters_them(tmp_path: Path) -> None:
    places = open_places(tmp_path, "fixed")
    settings = bank_settings(places, "fuzemen")
    directory = Path(settings["directory_file"])
    assert directory.read_bytes() == b""
    name_customer(places, "fuzemen")
    salt = Path(settings["salt_file"]).read_bytes()
    assert bank_settings(places, "fuzemen") == settings
    assert Path(settings["salt_file"]).read_bytes() == salt
    assert "[fuzemen]" in directory.read_text(encoding="utf-8")
    assert all(_mode(Path(settings[name])) == 0o600 for name in ("directory_file", "salt_file"))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- Waiting, and asking again ---


async def test_waiting_ends_with_the_first_true_answer() -> None:
    answers = iter((None, 0, "", "here"))

    async def look() -> str | int | None:
        return next(answers)

    assert await wait_for(look, "nothing", 5) == "here"


async def test_waiting_ends_when_time_is_up() -> None:
    async def look() -> None:
        return None

    with pytest.raises(TooLate, match="the thing did not happen"):
        await wait_for(look, "the thing", 0.05)


@pytest.mark.parametrize("status", [403, 404, 409, 422])
async def test_a_refusal_by_a_peer_that_lags_is_asked_again(status: int) -> None:
    answers = [Refused(status, "motion/unknown"), None]

    async def call() -> str:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return "done"

    assert await patiently(call) == "done"


async def test_a_bad_request_is_not_asked_again() -> None:
    calls = []

    async def call() -> None:
        calls.append(1)
        raise Refused(400, "input/malformed")

    with pytest.raises(Refused):
        await patiently(call)
    assert calls == [1]


async def test_a_refusal_that_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "BLOCK_LAG_S", 0.05)
    monkeypatch.setattr(desks, "BLOCK_LAG_PAUSE_S", 0.01)

    async def call() -> None:
        raise Refused(409, "motion/wrong-phase")

    with pytest.raises(Refused, match="motion/wrong-phase"):
        await patiently(call)


class Door(Gateways):
    """A gateway that answers from a list."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(["http://127.0.0.1:1"])
        self.statuses = list(statuses)
        self.asked: list[tuple[str, str, Any]] = []

    async def call(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self.asked.append((method, path, json_body))
        return Answer(self.addresses[0], self.statuses.pop(0), {}, b'{"done": true}')


async def test_a_transaction_goes_to_the_place_of_its_route() -> None:
    door = Door(200)
    desk = Desk(door, "fuzemen", operator("token"))
    await desk.state("publish_motion", motion_id="gate", opens_at=1)
    ((method, path, body),) = door.asked
    assert (method, body) == ("POST", {"opens_at": 1})
    assert path == "/v1/communities/fuzemen/motions/gate/publication"


class Silent(Door):
    """A gateway whose documents come with these statuses; 0 is no answer."""

    async def ask(
        self,
        address: str,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        status = self.statuses.pop(0)
        if not status:
            raise NoAnswer(address, "TimeoutError", was_sent=True)
        return Answer(address, status, {}, b'{"code": "certificate/no-font"}')


async def test_a_document_is_asked_for_again_when_no_answer_comes() -> None:
    desk = Desk(Silent(0, 0, 200), "fuzemen", no_proof)
    assert b"no-font" in await desk.download("certificate_pdf", motion_id="gate")
    with pytest.raises(NoAnswer):
        await Desk(Silent(0, 0, 0), "fuzemen", no_proof).download("certificate_pdf", motion_id="g")


async def test_a_document_that_cannot_be_made_is_no_document() -> None:
    desk = Desk(Silent(503), "fuzemen", no_proof)
    with pytest.raises(Refused, match="certificate/no-font"):
        await desk.download("certificate_pdf", motion_id="gate")


async def test_an_unknown_outcome_is_asked_again_and_then_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desks, "PAUSE_S", 0.0)
    desk = Desk(Door(202, 202, 200), "fuzemen", operator("token"))
    assert await desk.state("freeze_roll") == {"done": True}
    never = Desk(Door(*[202] * desks.TRIES_MAX), "fuzemen", operator("token"))
    with pytest.raises(NotKnown):
        await never.state("freeze_roll")


# --- A demo that never ran ---


def _demo(home: Path) -> Demo:
    return Demo.open(home, "auto", Console(quiet=True))


async def test_stopping_what_never_ran_does_no_harm(tmp_path: Path) -> None:
    demo = _demo(tmp_path / "home")
    await demo.stop(wipe=False)
    await demo.stop(wipe=True)
    assert not (tmp_path / "home").exists()


async def test_a_fresh_start_deletes_ledger_and_keys_alike(tmp_path: Path) -> None:
    demo = _demo(tmp_path / "home")
    places = open_places(demo.home, "auto")
    key_of(places.people / "owner-0001")
    await demo.stop(wipe=False)
    assert (places.people / "owner-0001" / "key.pem").exists()
    await demo.stop(wipe=True)
    assert not demo.home.exists()


async def test_a_demo_with_free_ports_has_a_network_of_its_own(tmp_path: Path) -> None:
    demo = _demo(tmp_path / "home")
    await demo.stop(wipe=False)
    written = yaml.safe_load((demo.home / "network.yaml").read_text(encoding="utf-8"))
    shipped = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    assert written == {**shipped, "ports": "auto"}


async def test_people_are_told_where_to_look(tmp_path: Path) -> None:
    demo = _demo(tmp_path / "home")
    await demo.stop(wipe=False)
    world = World(
        network=open_network(demo.home / "network.yaml", demo.home),
        places=open_places(demo.home, "auto"),
        teller=Teller(Console(quiet=True), MemoryWatch(list)),
        peers={},
        heights={},
        gateways={},
        owners=read_owners(),
    )
    said = "\n".join(where_to_look(world))
    for org in ORGS:
        assert f"{world.places.url(org)}/v1/documentation" in said
    assert "/motions/gate-repair/certificate.pdf" in said
    assert "act send cast_ballot" in said
    assert f"scripts/demo --stop --home {demo.home} --ports auto" in said


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--ports", "7000"], 2), (["--unknown"], 2), (["--help"], 0)]
)
def test_bad_arguments_start_nothing(arguments: list[str], status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.story", *arguments], cwd=CHECKOUT, capture_output=True
    )
    assert done.returncode == status
