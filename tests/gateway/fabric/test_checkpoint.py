"""Checkpoints in memory and in a file."""

import json
import os
import stat
from pathlib import Path

import pytest

from gateway.fabric.checkpoint import Checkpointer, Position
from gateway.fabric.errors import CheckpointCorrupt


@pytest.fixture(params=["memory", "file"])
def checkpointer(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpointer:
    return Checkpointer(None if request.param == "memory" else tmp_path / "c")


async def test_nothing_at_first(checkpointer: Checkpointer) -> None:
    assert checkpointer.position is None


async def test_after_a_block_the_next_one_is_expected(checkpointer: Checkpointer) -> None:
    await checkpointer.checkpoint_block(0)
    assert checkpointer.position == Position(1)


async def test_after_a_transaction_its_block_goes_on(checkpointer: Checkpointer) -> None:
    await checkpointer.checkpoint_transaction(7, "tx")
    assert checkpointer.position == Position(7, "tx")


async def test_a_block_clears_the_transaction(checkpointer: Checkpointer) -> None:
    await checkpointer.checkpoint_transaction(7, "tx")
    await checkpointer.checkpoint_block(7)
    assert checkpointer.position == Position(8)


async def test_the_file_is_read_again_and_has_the_sdk_form(tmp_path: Path) -> None:
    path = tmp_path / "c"
    await Checkpointer(path).checkpoint_transaction(7, "tx")
    assert Checkpointer(path).position == Position(7, "tx")
    assert json.loads(path.read_text()) == {"blockNumber": 7, "transactionId": "tx"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"blockNumber": 1}',
        b'{"blockNumber": "1", "transactionId": ""}',
        b'{"blockNumber": true, "transactionId": ""}',
        b'{"blockNumber": -1, "transactionId": ""}',
        b'{"blockNumber": 1.5, "transactionId": ""}',
        b'{"blockNumber": 1, "transactionId": null}',
    ],
)
def test_a_file_with_something_else_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "c"
    path.write_bytes(content)
    with pytest.raises(CheckpointCorrupt):
        Checkpointer(path)
    assert path.read_bytes() == content


async def test_a_failed_write_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    checkpointer = Checkpointer(path)
    await checkpointer.checkpoint_block(1)

    def full(descriptor: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        await checkpointer.checkpoint_block(2)
    assert checkpointer.position == Position(2)
    assert Checkpointer(path).position == Position(2)


async def test_it_is_on_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await Checkpointer(tmp_path / "c").checkpoint_block(1)
    assert synced == ["c.new", tmp_path.name]
