"""hfc 1.0.0, the Python SDK of 2020, joins with the profile that `commonhold` exports.

It runs in an environment of its own below `.build`, made once per list of its packages. What works:
reading the profile, enrolling at the CA, querying, invoking (through one orderer, which a BFT
network does not promise to carry through). What cannot work is asserted as it fails: registering,
because Fabric CA refuses its kind of token since 1.5, and installing it as it asks to be (pysha3).
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from network import commands
from network.ca.server import REGISTRAR
from scripts.cli import main as commonhold
from tests.support.gateways import Caller
from tests.support.network import CHANNEL, RunningNetwork

pytestmark = pytest.mark.fabric

CHECKOUT = Path(__file__).parents[2]
HFC = Path(__file__).parent / "hfc"
INSTALL_S = 240
CALL_S = 60


@pytest.fixture(scope="session")
def hfc_python() -> Path:
    """The interpreter of the environment with hfc, made when its list of packages is new."""
    wanted = (HFC / "requirements.txt").read_bytes() + sys.version.encode()
    folder = CHECKOUT / ".build" / f"hfc-{hashlib.sha256(wanted).hexdigest()[:16]}"
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(exist_ok=True)
        uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(part))
        python = str(part / "bin" / "python")
        requirements = str(HFC / "requirements.txt")
        uv("pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", python,
           "-r", requirements)  # fmt: skip
        part.rename(folder)
    return folder / "bin" / "python"


def uv(*args: str) -> None:
    """`scripts/setup` has put uv here when the machine had none."""
    program = shutil.which("uv") or str(CHECKOUT / ".tools" / "bin" / "uv")
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def profile(
    fabric_network: RunningNetwork,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """What `commonhold export profile --org bank` writes."""
    where = ["--config", str(fabric_network.network.file), "--home", str(fabric_network.home)]
    monkeypatch.setattr(sys, "argv", ["commonhold", *where, "export", "profile", "--org", "bank"])
    assert commonhold() == commands.EXIT_OK
    file = tmp_path / "profile.json"
    file.write_text(capsys.readouterr().out)
    return file


@pytest.fixture
def hfc(hfc_python: Path, profile: Path) -> Any:
    """Calls `hfc/client.py`."""

    def call(*args: str) -> dict[str, Any]:
        command = [str(hfc_python), str(HFC / "client.py"), str(profile), *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_S)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return call


def secret(network: RunningNetwork) -> str:
    return (network.org("bank").folder / "ca" / "registrar.secret").read_text().strip()


async def test_it_queries_every_orgs_peer(
    hfc: Any, bank: Caller, fabric_network: RunningNetwork, key: str
) -> None:
    committed = await bank.submit("put", key, "from our gateway")
    for org in fabric_network.topology.orgs.values():
        peer = org.peers[0].name
        answer = hfc("query", peer, CHANNEL, fabric_network.chaincode, "get_many", key)
        assert answer == {"answer": '["from our gateway"]'}
        height = hfc("info", peer, CHANNEL)["answer"]
        assert height > committed.block_number


def test_it_enrols_at_the_ca(hfc: Any, fabric_network: RunningNetwork) -> None:
    answer = hfc("enroll", REGISTRAR, secret(fabric_network))
    assert f"CN={REGISTRAR}" in answer["answer"]


def test_a_wrong_secret_is_refused(hfc: Any) -> None:
    answer = hfc("enroll", REGISTRAR, "wrong")
    assert answer["error"] == "ValueError"
    assert "Authentication failure" in answer["text"]


async def test_it_invokes_with_the_peers_it_is_told(
    hfc: Any, bank: Caller, fabric_network: RunningNetwork, key: str
) -> None:
    peers = "peer0.bank,peer0.committee,peer0.property"
    async with bank.channel.filtered_blocks() as blocks:
        await blocks.open()
        answer = hfc("invoke", peers, CHANNEL, fabric_network.chaincode, "put", key, "from hfc")
        assert answer == {"answer": ""}
        (transaction,) = (await anext(blocks)).filtered_transactions
    assert transaction.tx_validation_code == 0
    assert await bank.value(key) == "from hfc"


def test_it_cannot_register(hfc: Any, fabric_network: RunningNetwork) -> None:
    """It signs neither method nor path, and Fabric CA 1.5 refuses that (code 20)."""
    answer = hfc("register", REGISTRAR, secret(fabric_network), "somebody")
    assert answer["error"] == "ValueError"
    assert "'code': 20" in answer["text"]


def test_it_does_not_install_as_it_asks_to_be(hfc_python: Path, tmp_path: Path) -> None:
    """pysha3 1.0b1, which it names, uses what Python 3.11 took out of its C interface."""
    program = shutil.which("uv") or str(CHECKOUT / ".tools" / "bin" / "uv")
    command = [program, "pip", "install", "--no-deps", "--target", str(tmp_path),
               "--python", str(hfc_python), "pysha3==1.0b1"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode != 0
    assert "_sha3/sha3module.c" in done.stderr
