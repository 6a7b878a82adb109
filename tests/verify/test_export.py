"""`commonhold export`: a whole file or none, and a plain word for each refusal."""

import argparse
import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from network import commands
from scripts import archive
from scripts.archive import ExportFailed, ExportRefused, export
from tests.verify.conftest import MADE_S_MAX, STAND_IN, TOWN, Made
from tests.verify.verifier import verifier

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(MADE_S_MAX)]


@dataclass
class Told:
    """What a verb printed."""

    lines: list[str] = field(default_factory=list)

    def print(self, text: str) -> None:
        self.lines.append(text)


def parsed(*words: str) -> argparse.Namespace:
    """The command's arguments as it reads them."""
    parser = argparse.ArgumentParser()
    verbs = commands.add_verbs(parser)
    archive.add_verbs(verbs.export)
    return parser.parse_args(archive.spelled_out(list(words), verbs.export))


@pytest.mark.parametrize(
    "words",
    [
        ("export", TOWN, "f"),
        ("export", "channel", TOWN, "f"),
        ("--home", "export", "export", TOWN, "f"),
        ("--config", "c", "export", TOWN, "f", "--org", "bank"),
    ],
)
def test_the_short_and_the_long_way(words: tuple[str, ...]) -> None:
    args = parsed(*words)
    assert (args.run, args.channel, args.file) == (archive.export_verb, TOWN, Path("f"))


def test_the_profile_is_exported_as_before() -> None:
    args = parsed("export", "profile", "--org", "bank")
    assert args.org == "bank"
    assert not hasattr(args, "channel")


@pytest.mark.parametrize("words", [("export",), ("export", TOWN), ("export", "profile")])
def test_what_is_left_out_is_asked_for(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        parsed(*words)
    assert refused.value.code == 2


def test_every_block_is_in_it(made: Made) -> None:
    found = verifier.read_archive(made.town.read_bytes())
    assert (found.channel, found.height) == (TOWN, len(found.blocks))
    assert found.to_bytes() == made.town.read_bytes()
    assert not list(made.town.parent.glob(".*.archive.*")), "nothing is left beside it"


def verb(made: Made, channel: str, file: Path, org: str | None = None) -> tuple[int, list[str]]:
    told = Told()
    network = made.network.network
    args = {"config": network.file, "home": network.home, "channel": channel, "file": file}
    code = asyncio.run(archive.export_verb(argparse.Namespace(**args, org=org), told))
    return code, told.lines


def test_the_verb_says_what_it_wrote(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "again.archive"
    code, (line,) = verb(made, STAND_IN, file, "committee")
    assert code == 0
    assert line.startswith(f"{file}: ")
    assert verifier.verify(verifier.read_archive(file.read_bytes())).findings == []


def test_what_cannot_be_is_refused(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("kept")
    assert verb(made, "nowhere", tmp_path / "f") == (2, ["there is no channel nowhere"])
    assert verb(made, TOWN, file) == (2, [f"{file} is there already"])
    code, (line,) = verb(made, TOWN, tmp_path / "f", "nobody")
    assert (code, line.split(" (")[0]) == (2, "there is no org nobody")
    assert file.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_file_that_comes_meanwhile_is_kept(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    write_block = archive._write_block

    def slowly(block: Any, out: Any) -> None:
        file.write_text("kept")
        write_block(block, out)

    monkeypatch.setattr(archive, "_write_block", slowly)
    with pytest.raises(ExportRefused, match="is there already"):
        asyncio.run(export(made.network.network, STAND_IN, file))
    assert file.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_without_a_peer_nothing_is_written(made: Made, tmp_path: Path) -> None:
    asyncio.run(made.network.stop("peer0.arbitration"))
    try:
        with pytest.raises(ExportFailed, match="no peer gave the channel's blocks; arbitration: "):
            asyncio.run(export(made.network.network, TOWN, tmp_path / "f", org="arbitration"))
        assert verb(made, TOWN, tmp_path / "f", "arbitration")[0] == 1
    finally:
        asyncio.run(made.network.start("peer0.arbitration"))
    assert list(tmp_path.iterdir()) == []
