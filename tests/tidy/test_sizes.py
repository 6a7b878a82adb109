"""Short functions, short files, no float where money and votes are counted."""

import ast
from pathlib import Path

import pytest

from tests.tidy.source import PACKAGES, files, module_of, tree_of

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400


@pytest.mark.parametrize("path", files(*PACKAGES), ids=module_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= FILE_LINES_MAX
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name}: {lines} lines"


@pytest.mark.parametrize(
    "path",
    [p for p in files("chaincode") if "shim" not in p.parts],
    ids=module_of,
)
def test_the_rules_know_no_float(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
        assert not (isinstance(node, ast.Name) and node.id == "float")
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), node.lineno


@pytest.mark.parametrize(
    "path",
    [p for p in files("chaincode") if "shim" not in p.parts and p.name != "__main__.py"],
    ids=module_of,
)
def test_the_rules_ask_no_clock(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today", "fromtimestamp"), node.lineno


@pytest.mark.parametrize("path", files("chaincode", "gateway", "network"), ids=module_of)
def test_modules_and_public_names_are_documented(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree) or not tree.body, "module docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert node.name.startswith("_") or ast.get_docstring(node), node.name


@pytest.mark.parametrize(
    "path", [p for p in files("tests") if p.name.startswith("test_")], ids=module_of
)
def test_tests_wait_on_conditions(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
            assert called != "time.sleep", node.lineno
