"""Who may import whom: the parts stay apart by test, not by good will."""

import ast
from pathlib import Path

import pytest

from tests.tidy.source import PACKAGES, files, imports_of, module_of, tree_of

OURS = set(PACKAGES)

# A part (longest prefix wins) and what it may import of ours.
MAY_IMPORT = {
    "chaincode.model": {"chaincode.model"},
    "chaincode.errors": set(),
    "chaincode.codec": {"chaincode.model", "chaincode.errors"},
    "chaincode.keys": {"chaincode.model", "chaincode.errors", "chaincode.keys"},
    "chaincode.access": {"chaincode.model", "chaincode.errors"},
    "chaincode.jws": {"chaincode.model", "chaincode.errors", "chaincode.codec"},
    "chaincode.acts": {
        "chaincode.model",
        "chaincode.errors",
        "chaincode.codec",
        "chaincode.jws",
    },
    "chaincode.world": {
        "chaincode.model",
        "chaincode.errors",
        "chaincode.codec",
        "chaincode.keys",
    },
    "chaincode.rules": {"chaincode.model", "chaincode.errors", "chaincode.rules"},
    "chaincode.templates": {
        "chaincode.model",
        "chaincode.codec",
        "chaincode.errors",
        "chaincode.templates",
        "chaincode.rules",
    },
    "chaincode.shim": {"chaincode.shim"},
    "chaincode.contract": {
        "chaincode.model",
        "chaincode.errors",
        "chaincode.codec",
        "chaincode.keys",
        "chaincode.access",
        "chaincode.acts",
        "chaincode.jws",
        "chaincode.world",
        "chaincode.rules",
        "chaincode.templates",
        "chaincode.contract",
    },
    "chaincode": {"chaincode"},
    "gateway.fabric": {"gateway.fabric"},
    "gateway": {"gateway", "chaincode.model", "chaincode.errors", "chaincode.codec"},
    # Owners' keys are certified at the organisation's CA, and there is one client of it; what
    # providers and persons sign is read as strictly as the chaincode reads it, by the same code.
    "gateway.identity": {
        "gateway",
        "chaincode.model",
        "chaincode.errors",
        "chaincode.codec",
        "chaincode.jws",
        "network.ca",
    },
    "network": {"network"},
    "scripts": OURS - {"tests"},
    "tests": OURS,
}

# What a part must not import of anybody's.
MUST_NOT_IMPORT = {
    "chaincode.rules": {
        "asyncio", "decimal", "json", "locale", "logging", "math", "os", "random",
        "secrets", "time", "uuid",
    },
    "chaincode.model": {"asyncio", "datetime", "logging", "os", "random", "time", "uuid"},
    "chaincode.contract": {"datetime", "locale", "os", "random", "secrets", "time", "uuid"},
    "chaincode.shim": {"aiohttp", "msgspec"},
    "gateway.fabric": {"aiohttp", "msgspec"},
    "chaincode": {"aiohttp", "yaml", "rich"},
}  # fmt: skip


def _part(module: str, table: dict[str, set[str]]) -> str | None:
    found = [part for part in table if module == part or module.startswith(part + ".")]
    return max(found, key=len, default=None)


@pytest.mark.parametrize("path", files(*PACKAGES), ids=module_of)
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    part = _part(module_of(path), MAY_IMPORT)
    assert part is not None
    allowed = MAY_IMPORT[part]
    for name in imports_of(path):
        if name.split(".")[0] not in OURS or (part in allowed and name.startswith(part)):
            continue
        prefixes = {name} | {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        assert prefixes & allowed or any(a.startswith(name + ".") for a in allowed), name


@pytest.mark.parametrize("path", files("chaincode", "gateway/fabric"), ids=module_of)
def test_a_part_leaves_out_what_it_must(path: Path) -> None:
    for part, forbidden in MUST_NOT_IMPORT.items():
        if module_of(path).startswith(part):
            roots = {name.split(".")[0] for name in imports_of(path)}
            assert not roots & forbidden


def test_the_sandbox_bank_is_a_program_of_its_own() -> None:
    for path in files("chaincode", "gateway", "network", "scripts"):
        if "gateway.bank.sandbox" in module_of(path):
            continue
        assert not [name for name in imports_of(path) if name.startswith("gateway.bank.sandbox")]


def test_the_sandbox_authority_is_a_program_of_its_own() -> None:
    for path in files("chaincode", "gateway", "network", "scripts"):
        if "gateway.identity.sandbox" in module_of(path):
            continue
        names = imports_of(path)
        assert not [name for name in names if name.startswith("gateway.identity.sandbox")]


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    modules = {module_of(path): path for path in files("chaincode", "gateway", "network")}
    for module, path in modules.items():
        graph[module] = {
            name
            for node in tree_of(path).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in _targets(node)
            if name in modules and name != module
        }
    done: set[str] = set()
    for module in graph:
        _visit(module, graph, [], done)


def _targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]


def _visit(module: str, graph: dict[str, set[str]], above: list[str], done: set[str]) -> None:
    if module in done:
        return
    assert module not in above, " -> ".join([*above, module])
    for target in sorted(graph[module]):
        if not module.startswith(target + "."):  # a package's own __init__ re-exports
            _visit(target, graph, [*above, module], done)
    done.add(module)
