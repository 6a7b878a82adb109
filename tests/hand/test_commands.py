"""The command: what it prints, and with what exit status, for people and for machines."""

import argparse
import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org
from scripts.hand import commands as hand
from tests.hand.desks import OWNER, Desks, json_of
from tests.hand.stubs import Reply, problem, stub
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60.0
BALLOT = ("motion_id=m1", f'unit_ids=["{OWNER.unit_id}"]', 'choices=["for"]')


@dataclass(frozen=True)
class Ran:
    """What a run of the command came to."""

    status: int
    out: str
    err: str


@dataclass
class Printed:
    """What the command printed."""

    lines: list[str] = field(default_factory=list)

    def print(self, text: str) -> None:
        self.lines.append(text + "\n")


async def run(*arguments: object, typed: str = "") -> Ran:
    """One run of the command, in this process, as `network.commands.execute` runs a verb."""
    parser = argparse.ArgumentParser(prog="commonhold")
    hand.add_verbs(parser.add_subparsers(required=True))
    out, err = Printed(), io.StringIO()
    with redirect_stderr(err), stdin_of(typed):
        try:
            args = parser.parse_args(["act", *map(str, arguments)])
        except SystemExit as wrong:
            return Ran(int(str(wrong.code)), "", err.getvalue())
        async with asyncio.timeout(SECONDS_MAX):
            status = await args.run(args, out)
    return Ran(status, "".join(out.lines), err.getvalue())


@contextmanager
def stdin_of(typed: str) -> Iterator[None]:
    """What somebody typed, and nothing more."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write(typed)
        file.seek(0)
        before, sys.stdin = sys.stdin, file  # type: ignore[assignment]
        try:
            yield
        finally:
            sys.stdin = before


async def test_the_command_hands_the_verb_over(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scripts.cli", "act", "key", "new", "--folder", str(tmp_path / "me"), "--json"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(SECONDS_MAX):
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert json_of(out.decode()) == {"outcome": "Made", "folder": str(tmp_path / "me")}


class Hand:
    """The command for one folder at both gateways."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks
        self.folder = desks.folder / "hand"
        self.at = [part for address in desks.both for part in ("--gateway", address)]

    async def __call__(self, action: str, *more: object, **how: Any) -> Ran:
        return await run(action, *self.at, "--folder", self.folder, *more, **how)

    async def certify(self, *more: object, **how: Any) -> Ran:
        usual = ("--community", "fuzemen", "--phone", OWNER.phone, "--unit", OWNER.unit_id)
        return await self("certify", *usual, "--sandbox", self.desks.sandbox, *more, **how)


NAMED = ("--name", OWNER.name, "--id-no", OWNER.id_no)


@pytest.fixture(name="hand")
async def hand_at(desks: Desks) -> Hand:
    made = Hand(desks)
    ran = await run("key", "new", "--folder", made.folder)
    assert (ran.status, ran.err) == (0, "")
    return made


def given_as(*given: str) -> list[str]:
    return [part for one in given for part in ("--field", one)]


async def test_the_whole_way_for_people(desks: Desks, hand: Hand) -> None:
    ran = await hand.certify(*NAMED)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("Issued: credential c")
    ran = await hand("login")
    assert ran.out == f"{desks.both[0]} knows you as owner {desks.bureau.holder_id}.\n"


async def test_the_whole_way_for_machines(desks: Desks, hand: Hand, tmp_path: Path) -> None:
    issued = json_of((await hand.certify(*NAMED, "--json")).out)
    assert (issued["outcome"], issued["role"]) == ("Issued", "owner")
    known = json_of((await hand("login", "--json")).out)
    assert known["credential_id"] == issued["credential_id"]
    await desks.open_motion_now()
    ran = await hand("send", "cast_ballot", *given_as(*BALLOT), "--json")
    sent = json_of(ran.out)
    assert (ran.status, sent["outcome"], len(sent["nonce"])) == (0, "Accepted", 32)
    file = tmp_path / "fields.json"
    file.write_text('{"motion_id": "m1", "unit_ids": ["3-1-502"]}')
    changed = ("--fields", file, "--field", 'choices=["against"]', "--json")
    second = json_of((await hand("send", "cast_ballot", *changed)).out)
    proof = json_of((await hand("show", second["nonce"], "--json")).out)
    assert proof["tx_id"] == second["tx_id"]
    assert [one["tx_id"] for one in proof["witnesses"]] == [second["tx_id"]] * 2
    (ballot,) = proof["ballots"]
    assert (ballot["is_this_act"], ballot["choices"]) == (True, ["against"])
    again = json_of((await hand("again", second["nonce"], "--json")).out)
    assert (again["tx_id"], again["outcome"]) == (second["tx_id"], "Accepted")
    looked = json_of((await hand("look", sent["nonce"], "--json")).out)
    assert looked["tx_id"] == sent["tx_id"]
    listed = json_of((await hand("show", "--json")).out)
    assert [one["tx_id"] for one in listed["acts"]] == [sent["tx_id"], second["tx_id"]]
    motions = json_of((await hand("read", "/motions", "--json")).out)
    assert [one["motion"]["motion_id"] for one in motions["motions"]] == ["m1"]


async def test_what_people_are_shown(desks: Desks, hand: Hand) -> None:
    await hand.certify(*NAMED)
    await desks.open_motion_now()
    sent = await hand("send", "cast_ballot", *given_as(*BALLOT))
    assert sent.out.startswith("Accepted: transaction ")
    nonce = sent.out.split()[-1]
    shown = (await hand("show", nonce)).out
    for words in ("cast_ballot, act ", "found VALID", "says: accepted", "not counted yet"):
        assert words in shown
    listed = (await hand("show")).out
    assert listed.startswith(f"{nonce} ")
    motion = (await hand("read", "/motions/m1")).out
    assert json.loads(motion)["phase"] == "open"
    acts = await run("list", *hand.at, "--community", "fuzemen")
    assert "cast_ballot motion_id unit_ids [choices] [grant_id] [sealed]" in acts.out


async def test_a_name_that_is_left_out_is_asked_for(desks: Desks, hand: Hand) -> None:
    ran = await hand.certify("--id-no", OWNER.id_no, typed=f"{OWNER.name}\n")
    assert (ran.status, ran.err) == (0, "Name: ")
    nobody = await hand.certify("--id-no", OWNER.id_no)
    assert (nobody.status, nobody.out) == (2, "")
    assert "nobody answers" in nobody.err


# --- One clear line, and the right exit status ---


async def no(ran: Ran, status: int, *words: str) -> None:
    assert (ran.status, ran.out) == (status, ""), ran
    lines = ran.err.splitlines()
    assert len(lines) == 1, ran.err
    for word in words:
        assert word in lines[0], ran.err


async def test_refusals_in_both_languages(desks: Desks, hand: Hand) -> None:
    wrong = ("--name", "王某某", "--id-no", OWNER.id_no)
    await no(await hand.certify(*wrong), 1, "refused: person/not-matched (422)", "do not match")
    zh = await hand.certify(*wrong, "--language", "zh")
    await no(zh, 1, "person/not-matched", "资料与登记不符")
    said = json_of((await hand.certify(*wrong, "--json")).out)
    assert (said["outcome"], said["code"], said["status"]) == (
        "Refused",
        "person/not-matched",
        422,
    )


async def test_bad_input(desks: Desks, hand: Hand, tmp_path: Path) -> None:
    at = ("--gateway", desks.both[0])
    new = await run("key", "new", "--folder", hand.folder)
    await no(new, 2, "has a key already")
    await no(await hand("send", "cast_ballot"), 2, "no credential yet")
    await no(await hand("login"), 2, "act certify")
    await no(await hand("read", "motions"), 2, "begins with /")
    await no(await hand("show", "0" * 32), 2, "No such file")
    nowhere = await run("login", *at, "--folder", tmp_path / "nowhere")
    await no(nowhere, 2, "act key new")
    strange = await run("login", "--gateway", "gateway.example", "--folder", hand.folder)
    await no(strange, 2, "no gateway address")
    await hand.certify(*NAMED)
    for more, words in (
        (("dance",), "knows no act"),
        (("cast_ballot", "--field", "motion_id"), "name=value"),
        (("cast_ballot", "--field", "colour=red"), "has no field"),
        (("cast_ballot", "--field", "motion_id=m1"), "needs unit_ids"),
        (("cast_ballot", "--fields", tmp_path / "none"), "No such file"),
    ):
        await no(await hand("send", *more), 2, words)
    (hand.folder / "key.pem").chmod(0o644)
    await no(await hand("login"), 2, "mode 0644")


@pytest.mark.parametrize("content", ["[]", "{", '"x"'])
async def test_fields_in_a_bad_file(desks: Desks, hand: Hand, content: str) -> None:
    await hand.certify(*NAMED)
    file = desks.folder / "fields.json"
    file.write_text(content)
    await no(await hand("send", "cast_ballot", "--fields", file), 2, "is not")


async def test_a_wrong_address(desks: Desks, hand: Hand) -> None:
    await hand.certify(*NAMED)
    nobody = f"http://127.0.0.1:{free_port()}"
    ran = await run("login", "--gateway", nobody, "--folder", hand.folder, "--seconds", "0.5")
    await no(ran, 2, nobody, "does not answer")
    async with stub(Reply(404, text="<html>")) as page:
        ran = await run("login", "--gateway", page.address, "--folder", hand.folder)
        await no(ran, 1, "is no gateway")


async def test_an_outcome_that_is_not_known(desks: Desks, hand: Hand) -> None:
    await hand.certify(*NAMED)
    forms = Reply(200, {
        "channel": "fuzemen", "community": "fuzemen", "$defs": {},
        "acts": {"sign_petition": {"fields": {"properties": {}, "required": []}}},
    })  # fmt: skip
    async with stub(forms, problem(504, "gateway/timeout")) as one:
        given = ("--gateway", one.address, "--folder", hand.folder, "--seconds", "0.5")
        await no(await run("send", *given, "sign_petition"), 3, "is not known", "act again")
    async with stub(forms, problem(504, "gateway/timeout")) as one:
        given = ("--gateway", one.address, "--folder", hand.folder, "--seconds", "0.5")
        said = json_of((await run("send", *given, "sign_petition", "--json")).out)
        assert said["outcome"] == "NotKnown"


async def test_a_credential_that_is_over(desks: Desks, hand: Hand) -> None:
    issued = json_of((await hand.certify(*NAMED, "--json")).out)
    await desks.open_motion_now()
    await desks.town.done(
        Org.REGULATOR,
        "revoke_credential",
        credential_id=issued["credential_id"],
        reason="own-request",
    )
    sent = await hand("send", "cast_ballot", *given_as(*BALLOT))
    await no(sent, 1, "credential/revoked (403)")
    await no(await hand("login"), 1, "login/not-active (403)")


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("key",), ("send",), ("dance",), ("login",), ("login", "--gateway", "x"),
        ("list", "--gateway", "http://127.0.0.1:1"),
        ("login", "--gateway", "x", "--folder", "y", "--seconds", "0"),
        ("login", "--gateway", "x", "--folder", "y", "--seconds", "soon"),
        ("login", "--gateway", "x", "--folder", "y", "--language", "fr"),
    ],
)  # fmt: skip
async def test_arguments_that_are_none(arguments: tuple[str, ...]) -> None:
    ran = await run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("usage: ")
