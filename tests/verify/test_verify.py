"""The command: what it answers of a whole archive, of certificates, and of what is none."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.verify.conftest import MADE_S_MAX, STAND_IN, TOWN, Made
from tests.verify.verifier import PROGRAM, Archive, verifier

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(MADE_S_MAX)]

RUN_S_MAX = 120.0
FUNCTION_LINES_MAX, FUNCTION_LINES_MEDIAN = 60, 10


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """The program by itself, in an empty place; its exit code and lines."""
    done = subprocess.run(
        [sys.executable, "-I", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        cwd="/",
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture(scope="module")
def archive(made: Made) -> Archive:
    return verifier.read_archive(made.town.read_bytes())


def test_everything_holds(made: Made, tmp_path: Path) -> None:
    file, certificate = tmp_path / "found.json", tmp_path / "gate.json"
    certificate.write_bytes(made.certificate)
    code, lines = run(made.town, "--json", file, "--certificate", certificate)
    assert (code, lines[-1]) == (0, "everything holds")
    found = json.loads(file.read_text("utf-8"))
    assert (found["verified"], found["findings"], found["channel"]) == (True, [], TOWN)
    assert found["counts"]["certificates"] == 1
    assert found["counts"]["invalid transactions"] >= 3, "late ballots died"
    motion = found["motions"]["decision/gate"]
    assert (motion["outcome"], motion["ballots_count"]) == ("carried", 4)
    assert motion["certificate_sha256"] == verifier.sha256(made.certificate).hex()
    assert found["motions"]["late-ballots/m1"]["ballots_count"] == 4
    fund = found["funds"]["gate-paid/repair"]
    assert (fund["settled_fen"], fund["returned_fen"], fund["held"]) == (850_000, 1_000, 0)
    assert fund["bank"] == sum(fund[name] for name in verifier.ACCOUNTS[1:])


def test_a_substitution_is_listed(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    assert run(made.stand_in, "--json", file)[0] == 0
    found = json.loads(file.read_text("utf-8"))
    assert found["channel"] == STAND_IN
    by_function = {one["function"]: one for one in found["substitutions"]}
    silent = by_function["register_provider"]
    assert silent["missing"] == ["PropertyMSP"]
    assert silent["endorsed_by"] == ["BankMSP", "CommitteeMSP", "RegulatorMSP"]


def changed(certificate: bytes, **fields: Any) -> bytes:
    return bytes(verifier.canonical({**json.loads(certificate), **fields}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lapsed_count": 1}, "certificate/other"),
        ({"tx_id": "0" * 64}, "certificate/unknown"),
        ({"motion": {}}, "certificate/unreadable"),
    ],
)
def test_another_certificate_is_found(
    made: Made, archive: Archive, change: dict[str, Any], code: str
) -> None:
    report = verifier.verify(archive, {"given": changed(made.certificate, **change)})
    assert [(one.code, one.place) for one in report.findings] == [(code, "given")]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a":1,"a":1}', b'{"motion":1.5}'])
def test_what_is_no_certificate_is_said(archive: Archive, data: bytes) -> None:
    report = verifier.verify(archive, {"given": data})
    assert [one.code for one in report.findings] == ["certificate/unreadable"]


def test_a_finding_is_a_line_and_exit_code_one(made: Made, tmp_path: Path) -> None:
    data = bytearray(made.town.read_bytes())
    data[-1] ^= 1
    broken = tmp_path / "broken.archive"
    broken.write_bytes(data)
    code, lines = run(broken)
    assert code == 1
    assert lines[0].startswith("state/commit-hash block ")
    assert lines[-1] == "1 findings"


def test_a_missing_end_is_found(archive: Archive) -> None:
    short = verifier.Archive(archive.channel, archive.height, archive.tip, archive.blocks[:-1])
    codes = [finding.code for finding in verifier.verify(short).findings]
    assert codes == ["archive/height", "archive/tip"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a file",
        verifier.MAGIC,
        verifier.MAGIC + b"{}\n",
        verifier.MAGIC + b'{"channel":"c","height":"1","tip":""}\n',
        verifier.MAGIC + b'{"channel":"c", "height":1,"tip":""}\n',
        verifier.MAGIC + b'{"channel":"c","height":1,"tip":""}\n\0\0\0\5abc',
    ],
)
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "none.archive"
    file.write_bytes(data)
    assert run(file)[0] == 2
    assert run(tmp_path / "missing")[0] == 2


def test_an_archive_without_blocks_does_not_hold() -> None:
    report = verifier.verify(verifier.Archive("c", 0, "", ()))
    assert [finding.code for finding in report.findings] == ["archive/height"]


def test_blocks_of_nonsense_are_findings() -> None:
    report = verifier.verify(verifier.Archive("c", 2, "", (b"\xff" * 9, b"")))
    assert {"block/malformed", "chain/data"} <= {finding.code for finding in report.findings}


def test_it_imports_nothing_of_the_project() -> None:
    text = PROGRAM.read_text("utf-8")
    own = ("chaincode", "gateway", "network", "scripts", "tests")
    names = {line.split()[1].split(".")[0] for line in text.splitlines() if _imports(line)}
    assert not names & set(own)
    others = names - set(sys.stdlib_module_names)
    assert others == {"cryptography", "fabric_protos", "google"}


def test_its_functions_are_short() -> None:
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lines = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert max(lines.values()) <= FUNCTION_LINES_MAX
    assert sorted(lines.values())[len(lines) // 2] <= FUNCTION_LINES_MEDIAN


def _imports(line: str) -> bool:
    return line.startswith(("import ", "from "))
