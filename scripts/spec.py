"""Write the generated half of chaincode/README.md from the code: `python -m scripts.spec`.

The page is the chaincode's specification. What lists something (calls, records, keys, events,
refusals) is taken from the code between two markers, so that it cannot fall behind; a test fails
when it has not been written anew. The prose above the first marker is by hand.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from chaincode import codec, contract, keys, model
from chaincode.access import ACCESS, MSP_OF, Access, Kind
from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.contract.registry import HANDLERS
from chaincode.errors import REFUSALS, BadInput
from chaincode.model.base import Record
from chaincode.model.credential import Standing
from chaincode.model.freeze import Frozen

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "chaincode" / "README.md"
START, END = "<!-- generated: start -->", "<!-- generated: end -->"
CODE = re.compile(r"[a-z]+(-[a-z]+)*/[a-z]+(-[a-z]+)*$")


def main() -> int:
    """Rewrite the page; with ``--check`` only say whether it is up to date."""
    page = PAGE.read_text(encoding="utf-8")
    written = rewrite(page)
    if "--check" in sys.argv:
        return int(page != written)
    PAGE.write_text(written, encoding="utf-8")
    return 0


def rewrite(page: str) -> str:
    """The page with its generated half made anew."""
    head, _, rest = page.partition(START)
    _, _, tail = rest.partition(END)
    parts = [_permissions(), _calls(), _records(), _words(), _keys(), _events(), _refusals()]
    return head + START + "\n\n" + "\n\n".join(parts) + "\n\n" + END + tail


def _permissions() -> str:
    lines = [
        "## Who may call what",
        "",
        "| call | kind | module | who | what it does |",
        "|---|---|---|---|---|",
    ]
    for row in ACCESS:
        who = ", ".join(MSP_OF[org] for org in row.orgs) or ", ".join(row.roles)
        if row.kind is Kind.QUERY or len(row.orgs) == len(MSP_OF):
            who = "any member of the channel"
        lines.append(f"| `{row.name}` | {row.kind} | {row.module or 'all'} | {who} | {row.says} |")
    return "\n".join(lines)


def _calls() -> str:
    return "## Calls\n\n" + "\n\n".join(_call(row) for row in ACCESS if row.name in HANDLERS)


def _call(row: Access) -> str:
    handler = HANDLERS[row.name]
    head = ActBody if issubclass(handler.request, ActBody) else Request
    own = [field for field in _fields(handler.request) if field.name not in head.__struct_fields__]
    takes = ", ".join(map(_field, own)) or "nothing more"
    return f"### `{row.name}` ({row.kind})\n\n{_doc(handler.run)}\n\nTakes {takes}."


def _records() -> str:
    found = {*_record_types(model), *_parts_of_requests()}
    parts = []
    for kind in sorted(found, key=lambda kind: (kind.__module__, kind.__name__)):
        lines = [f"- {_field(field)}" for field in _fields(kind)]
        if kind.__struct_config__.tag is not None:
            lines.insert(0, f"- `kind`: always `{kind.__struct_config__.tag}`")
        if kind.__struct_config__.omit_defaults:
            lines.append("\nLeaves out fields at their default.")
        parts.append(f"### `{kind.__name__}`\n\n{_doc(kind)}\n\n" + "\n".join(lines))
    return "## Records\n\n" + "\n\n".join(parts)


def _fields(kind: type[Record]) -> Sequence[msgspec.inspect.Field]:
    described = msgspec.inspect.type_info(kind)
    assert isinstance(described, msgspec.inspect.StructType), kind
    hints = typing.get_type_hints(kind)
    return [msgspec.structs.replace(one, type=hints[one.name]) for one in described.fields]


def _field(field: msgspec.inspect.Field) -> str:
    """A field with its type, and its default if it may be left out of a request."""
    told = f"`{field.name}`: {_type(field.type)}"
    if field.required:
        return told
    default = field.default
    if default is msgspec.NODEFAULT:
        assert field.default_factory is not msgspec.NODEFAULT, field.name
        default = field.default_factory()
    text = codec.encode(default).decode() if isinstance(default, Record) else json.dumps(default)
    return f"{told} (else `{text}`)"


def _parts_of_requests() -> Iterator[type[Record]]:
    """Records that stand in requests alone."""
    for row in ACCESS:
        if row.name in HANDLERS and row.kind is not Kind.QUERY:
            for hint in typing.get_type_hints(HANDLERS[row.name].request).values():
                yield from _within(hint)


def _within(hint: object) -> Iterator[type[Record]]:
    for part in typing.get_args(hint):
        yield from _within(part)
    if isinstance(hint, type) and issubclass(hint, Record):
        yield hint


def _words() -> str:
    lines = ["## Words", "", "What a field of each of these types may say.", ""]
    lines += ["| type | words | meaning |", "|---|---|---|"]
    for kind in sorted(_word_types(), key=lambda kind: kind.__name__):
        words = ", ".join(f"`{word.value}`" for word in kind)
        lines.append(f"| `{kind.__name__}` | {words} | {_one_line(_doc(kind))} |")
    return "\n".join(lines)


def _word_types() -> Iterator[type[StrEnum]]:
    for info in pkgutil.iter_modules(model.__path__, model.__name__ + "."):
        for kind in vars(importlib.import_module(info.name)).values():
            own = isinstance(kind, type) and kind.__module__ == info.name
            if own and issubclass(kind, StrEnum):
                yield kind


def _keys() -> str:
    lines = ["## Keys", "", "| key | what it holds |", "|---|---|"]
    for node in _key_functions():
        if pattern := _key_pattern(node):
            lines.append(f"| `{pattern}` | {_one_line(ast.get_docstring(node) or '')} |")
    return "\n".join(lines)


def _key_functions() -> Iterator[ast.FunctionDef]:
    for info in pkgutil.iter_modules(keys.__path__, keys.__name__ + "."):
        tree = ast.parse(inspect.getsource(importlib.import_module(info.name)))
        yield from (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _key_pattern(function: ast.FunctionDef) -> str:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_key":
            parts = [
                str(arg.value) if isinstance(arg, ast.Constant) else f"{{{ast.unparse(arg)}}}"
                for arg in node.args
            ]
            return "/".join(parts)
    return ""


def _events() -> str:
    lines = ["## Events", "", "| event | fields | when |", "|---|---|---|"]
    for kind in sorted(_event_types(), key=lambda kind: kind.__name__):
        fields = ", ".join(f"`{name}`" for name in kind.__struct_fields__ if name != "event")
        lines.append(f"| `{kind.__name__}` | {fields} | {_one_line(_doc(kind))} |")
    return "\n".join(lines)


def _event_types() -> Iterator[type[Record]]:
    for kind in (*_record_types(model), *_record_types(contract)):
        if "event" in kind.__struct_fields__ and getattr(kind, "__module__", "") != "":
            yield kind


def _refusals() -> str:
    lines = ["## Refusals", "", "| code | status | raised in |", "|---|---|---|"]
    found = sorted(refusal_codes().items())
    for code, (status, places) in found:
        lines.append(f"| `{code}` | {status} | {', '.join(sorted(places))} |")
    return "\n".join(lines)


def refusal_codes() -> dict[str, tuple[int, set[str]]]:
    """Every refusal code in the chaincode: its status and the modules that raise it."""
    trees = {
        ".".join(path.relative_to(ROOT / "chaincode").with_suffix("").parts): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in sorted((ROOT / "chaincode").rglob("*.py"))
    }
    blanks: dict[str, list[str]] = {
        "order.frozen": [str(kind) for kind in Frozen],
        "state": [str(state) for state in Standing if state is not Standing.ACTIVE],
    }
    nouns = _nouns(trees.values())
    found: dict[str, tuple[int, set[str]]] = {}
    for module, tree in trees.items():
        for code, status in _raised(tree, blanks, nouns):
            found.setdefault(code, (status, set()))[1].add(module)
    for module, tree in trees.items():
        if not module.startswith(("rules.", "contract.")):
            continue
        for code in _literals(tree) - set(found):
            found[code] = (_status_of_variables(tree), {module})
    return found


def _literals(tree: ast.Module) -> set[str]:
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.match(value)}


def _status_of_variables(tree: ast.Module) -> int:
    """The status of codes that a module keeps in a table and raises from there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
            for status, kind in REFUSALS.items():
                if ast.unparse(node.func) == kind.__name__:
                    return status
    return BadInput.status


def _nouns(trees: Iterable[ast.Module]) -> dict[str, list[str]]:
    """What callers give as ``noun=`` to each function that refuses in their name."""
    found: dict[str, set[str]] = {}
    for node in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in node.keywords:
            if keyword.arg == "noun" and isinstance(keyword.value, ast.Constant):
                called = ast.unparse(node.func).rpartition(".")[2]
                found.setdefault(called, set()).add(str(keyword.value.value))
    return {called: sorted(nouns) for called, nouns in found.items()}


def _raised(
    tree: ast.Module, blanks: Mapping[str, list[str]], nouns: Mapping[str, list[str]]
) -> Iterator[tuple[str, int]]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            own = {**blanks, "noun": nouns.get(function.name, [])}
            yield from _raised_in(function, own)


def _raised_in(function: ast.AST, blanks: Mapping[str, list[str]]) -> Iterator[tuple[str, int]]:
    status_of = {kind.__name__: status for status, kind in REFUSALS.items()}
    named = {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func)
            status = status_of.get(name, 404 if name.endswith(".load") else 0)
            arg = node.args[-1] if name.endswith(".load") else node.args[0]
            value = named.get(arg.id) if isinstance(arg, ast.Name) else arg
            for code in _spelled(value, blanks) if status else ():
                yield code, status


def _spelled(node: ast.expr | None, blanks: Mapping[str, list[str]]) -> list[str]:
    """A code as written, or with each value that its blank may have."""
    if isinstance(node, ast.Constant) and "/" in str(node.value):
        return [str(node.value)]
    if not isinstance(node, ast.JoinedStr):
        return []
    spelled = [""]
    for part in node.values:
        if isinstance(part, ast.Constant):
            words = [str(part.value)]
        else:
            assert isinstance(part, ast.FormattedValue)
            words = blanks.get(ast.unparse(part.value), ["…"])
        spelled = [text + word for text in spelled for word in words]
    return spelled


def _record_types(package: types.ModuleType) -> Iterator[type[Record]]:
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for name, kind in vars(importlib.import_module(info.name)).items():
            own = isinstance(kind, type) and kind.__module__ == info.name
            if own and issubclass(kind, Record) and kind is not Record and name[0] != "_":
                yield kind


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _type(hint: object) -> str:
    if typing.get_origin(hint) is typing.Annotated:
        return _type(typing.get_args(hint)[0])
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__ if hint is not type(None) else "nothing"
    args = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return " or ".join(_type(arg) for arg in args)
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(args[0])}"
    return str(hint).replace("typing.", "")


if __name__ == "__main__":
    raise SystemExit(main())
