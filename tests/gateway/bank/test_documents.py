"""README.md lists every code; the adapter knows nothing of the sandbox; nothing uses a float."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import gateway.bank
from gateway.bank.errors import REFUSAL_CODES

BANK = Path(gateway.bank.__file__).parent
ADAPTER = sorted(BANK.glob("*.py"))
TESTS = Path(__file__).parent
SECONDS = {"limits.py", "http.py", "desk.py", "desks.py", "part.py", "patience.py"}
"""They count seconds, and see no amount."""


def test_the_readme_lists_every_code_with_its_meaning() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9.]+/[a-z-]+)` \| (.+) \|$", (BANK / "README.md").read_text(), re.M
    )
    assert dict(rows) == REFUSAL_CODES
    assert [code for code, _ in rows] == list(REFUSAL_CODES)


def test_every_code_has_a_test() -> None:
    tests = "".join(path.read_text() for path in TESTS.glob("test_*.py"))
    assert [code for code in REFUSAL_CODES if f'"{code}"' not in tests] == []


def test_the_adapter_does_not_know_the_sandbox() -> None:
    for path in ADAPTER:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            assert not any("sandbox" in name for name in names), path.name


def test_no_float_touches_money() -> None:
    for path in (path for path in ADAPTER if path.name not in SECONDS):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), path.name
            assert not (isinstance(node, ast.Name) and node.id == "float"), path.name


def test_money_is_never_divided_into_fractions() -> None:
    for name in ("money", "entries", "camt053", "camt054", "pain001", "pain002", "intake"):
        tree = ast.parse((BANK / f"{name}.py").read_text())
        assert not any(isinstance(node, ast.Div) for node in ast.walk(tree)), name
