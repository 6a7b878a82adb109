"""The commands of README.md, run as they stand there."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from chaincode.model.base import Role
from scripts import hand
from scripts.hand import commands
from tests.hand.desks import CLERK, OWNER, Desks
from tests.hand.test_commands import Ran, run

README = (Path(hand.__file__).parent / "README.md").read_text(encoding="utf-8")
COMMANDS = tuple(re.findall(r"^    commonhold act (.+)$", README, re.M))


def filled(command: str, words: dict[str, str]) -> list[str]:
    """The command's arguments with its capital words replaced."""
    return [
        re.sub(r"[A-Z][A-Z_]+", lambda word: words[word[0]], part) for part in shlex.split(command)
    ]


def words_of(desks: Desks) -> dict[str, str]:
    assert OWNER.unit_id is not None
    return {
        "GATEWAY": desks.regulator.address, "OTHER": desks.bank.address, "COMMUNITY": "fuzemen",
        "UNIT": OWNER.unit_id, "PHONE": OWNER.phone, "NAME": OWNER.name, "ID_NO": OWNER.id_no,
        "SANDBOX": str(desks.sandbox), "MOTION": "m1", "EMPLOYER": desks.regulator.address,
        "ROLE": "regulator-clerk", "CLERK_PHONE": CLERK.phone, "CLERK_NAME": CLERK.name,
        "CLERK_NO": CLERK.id_no,
    }  # fmt: skip


async def test_every_command_as_it_stands(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = words_of(desks)
    await desks.engaged(Role.REGULATOR_CLERK)
    await desks.open_motion_now()
    told = next(command for command in COMMANDS if command.startswith("certify"))
    for command in COMMANDS:
        if command == told:
            await _tells_what_to_do(filled(command, words), desks)
            continue
        ran = await run(*filled(command, words))
        assert ran.status == 0, (command, ran)
        if command.startswith("send"):
            words["NONCE"] = ran.out.split()[-1]
        if command.startswith("show"):
            assert ran.out.count("says: accepted") == 2


async def _tells_what_to_do(arguments: list[str], desks: Desks) -> None:
    """Without the sandbox a person is asked; here nobody is there to go to the counter."""
    ran: Ran = await run(*arguments, "--name", OWNER.name, "--id-no", OWNER.id_no, "--seconds", "2")
    assert ran.status == 3, ran
    assert "Go to the counter" in ran.err


def test_the_commands_are_those_that_were_meant() -> None:
    verbs = [command.split()[0] for command in COMMANDS]
    assert verbs == [
        "key", "certify", "key", "certify", "read", "vote", "send", "show", "key", "certify",
    ]  # fmt: skip


def test_every_action_and_exit_status_is_listed() -> None:
    verbs = argparse.ArgumentParser().add_subparsers()
    commands.add_verbs(verbs)
    (actions,) = verbs.choices["act"]._subparsers._group_actions  # type: ignore[union-attr]
    assert set(re.findall(r"^\| `([a-z]+)", README, re.M)) == set(actions.choices)  # type: ignore[arg-type]
    assert re.findall(r"^\| ([0-3]) \|", README, re.M) == ["0", "1", "2", "3"]
