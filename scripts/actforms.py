"""Write gateway/api/forms.json from the code: `python -m scripts.actforms`.

A gateway knows no rule, and still tells clients which acts there are and what fields each takes.
So it serves this file, made from the chaincode's own types; a test fails when it is out of date.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from chaincode.access import ACCESS, Kind
from chaincode.acts import ActHead
from chaincode.contract.registry import HANDLERS

FILE = Path(__file__).parents[1] / "gateway" / "api" / "forms.json"
_PYTHON_ANCHORS = re.compile(r"\\A|\\Z")


def main() -> int:
    """Rewrite the file; with ``--check`` only say whether it is up to date."""
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != written())
    FILE.write_text(written(), encoding="utf-8")
    return 0


def written() -> str:
    """The file as it should be: every act with its own fields as JSON Schema (2020-12)."""
    acts = [row for row in ACCESS if row.kind is Kind.ACT]
    kinds = [HANDLERS[row.name].request for row in acts]
    references, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    forms = {}
    for row, reference in zip(acts, references, strict=True):
        whole = definitions.pop(reference["$ref"].rpartition("/")[2])
        forms[row.name] = {
            "says": row.says,
            "module": row.module,
            "roles": row.roles,
            "fields": _own_fields(whole),
        }
    document = {"acts": forms, "$defs": definitions}
    text = json.dumps(_with_json_patterns(document), ensure_ascii=False, indent=1, sort_keys=True)
    return text + "\n"


def _own_fields(whole: dict[str, Any]) -> dict[str, Any]:
    """The fields that are the act's own, without those that every act has."""
    head = set(ActHead.__struct_fields__)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: kind for name, kind in whole["properties"].items() if name not in head
        },
        "required": [name for name in whole.get("required", ()) if name not in head],
    }


def _with_json_patterns(value: Any) -> Any:
    """Patterns as ECMA-262 writes them: it knows neither \\A nor \\Z."""
    if isinstance(value, dict):
        return {
            key: _PYTHON_ANCHORS.sub(lambda m: "^" if m[0] == r"\A" else "$", item)
            if key == "pattern" and isinstance(item, str)
            else _with_json_patterns(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_json_patterns(item) for item in value]
    return value


if __name__ == "__main__":
    raise SystemExit(main())
