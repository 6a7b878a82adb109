"""A bring-up that fails, is killed or interrupted: the node is named and no process is left."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from network.home import open_network
from network.launch import CHECKOUT
from network.state import HomeError
from network.steps import StepFailed
from network.up import bring_down, bring_up, upgrade_chaincode
from tests.support.network import document, running_network
from tests.support.network_acts import DEADLINE_S, eventually, processes_of
from tests.support.ports import quiet_ports

PORTS_MAX = 60
"""More than the network below takes."""

pytestmark = pytest.mark.fabric


def failing(folder: Path, **changed: Any) -> StepFailed:
    """Brings a small network up that must fail; proves that no process is left."""
    orgs = {"bank": {"msp": "BankMSP"}}
    written = document(
        name="fails", orgs=orgs, orderer={"type": "raft"}, endorsement={"require": ["bank"]},
    ) | changed  # fmt: skip
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    network = open_network(file, folder / "home")
    with pytest.raises(StepFailed) as caught:
        asyncio.run(bring_up(network, Console(file=io.StringIO())))
    assert processes_of(network.home) == []
    return caught.value


def test_a_node_that_dies_at_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    failure = failing(tmp_path, chaincode={"command": ["python", "-m", "no_such_module"]})
    assert failure.node == "chaincode0-1.bank"
    assert failure.reason == "chaincode0-1.bank ended with exit code 1"
    assert "No module named no_such_module" in failure.tail[-1]


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    failure = failing(tmp_path, chaincode={"command": ["/no/such/program"]})
    assert failure.node == "chaincode0-1.bank"
    assert "No such file or directory" in failure.reason


def test_a_service_that_never_serves_is_named(tmp_path: Path) -> None:
    sleeper = ["python", "-c", "import time; time.sleep(60)"]
    failure = failing(tmp_path, chaincode={"command": sleeper}, timing={"ready": "5s"})
    assert failure.node == "chaincode0-1.bank"
    assert failure.reason.startswith("chaincode0-1.bank is not ready after 5.0")


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    base = quiet_ports(PORTS_MAX)
    port = base + 4  # the peer's listener is the sixth port given out, after ca and orderer
    listen = f"s=socket.create_server(('127.0.0.1',{port}))"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import socket,sys\n{listen}\nprint(flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        failure = failing(tmp_path, ports=base)
        assert holder.stdin is not None
        holder.stdin.close()
    assert failure.node == "orderer0.bank"
    assert f"port {port} on 127.0.0.1" in failure.reason
    assert f"pid {holder.pid}" in failure.reason


def test_a_full_disk_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("network.up.FREE_BYTES_MIN", 1 << 60)
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(document()), "utf-8")
    with pytest.raises(OSError, match="the disk is full"):
        asyncio.run(bring_up(open_network(file, tmp_path / "home"), Console(file=io.StringIO())))
    assert processes_of(tmp_path / "home") == []


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    written = document(
        name="killed", orgs={"bank": {"msp": "BankMSP"}}, orderer={"type": "raft"},
        endorsement={"require": ["bank"]},
    )  # fmt: skip
    file, home = tmp_path / "network.yaml", tmp_path / "home"
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    command = [sys.executable, "-m", "scripts.cli", f"--config={file}", f"--home={home}", "up"]
    run = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(eventually(lambda: "orderer0.bank" in processes_of(home)))
        os.kill(run.pid, signal.SIGKILL)
        run.wait(DEADLINE_S)
        left = processes_of(home)
        with running_network(tmp_path, written) as network:
            assert len(processes_of(home)) == 4
            assert set(left) <= set(processes_of(home))
            assert asyncio.run(network.up()).changed == ()
    finally:
        asyncio.run(bring_down(open_network(file, home), wipe=False))
    assert processes_of(home) == []


def test_an_interrupted_run_stops_what_it_started(tmp_path: Path) -> None:
    written = document(name="stopped")
    file, home = tmp_path / "network.yaml", tmp_path / "home"
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    command = [sys.executable, "-m", "scripts.cli", f"--config={file}", f"--home={home}", "up"]
    run = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        asyncio.run(eventually(lambda: len(processes_of(home)) >= 2))
        run.send_signal(signal.SIGTERM)
        _, words = run.communicate(timeout=DEADLINE_S)
    finally:
        asyncio.run(bring_down(open_network(file, home), wipe=False))
    assert run.returncode == 1
    assert b"run the same command again" in words
    assert processes_of(home) == []


def test_communities_and_upgrades_need_a_running_network(tmp_path: Path) -> None:
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(document()), "utf-8")
    network = open_network(file, tmp_path / "home")
    network.prepare()
    with pytest.raises(HomeError, match=r"not running: ca\.bank"):
        asyncio.run(upgrade_chaincode(network, Console(file=io.StringIO())))


def test_wiping_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(document()), "utf-8")
    network = open_network(file, tmp_path / "home")
    network.prepare()
    asyncio.run(bring_down(network, wipe=True))
    assert not (tmp_path / "home").exists()
