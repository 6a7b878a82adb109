"""Which acts a community knows and what fields each takes, as its gateway says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.hand.errors import BadInput, NotKnown
from scripts.hand.gateways import Gateways

HEAD: Final = frozenset({"act", "channel", "community", "nonce", "at"})
"""What the hand itself writes into every act."""


@dataclass(frozen=True, slots=True)
class Forms:
    """The answer of ``GET /v1/communities/{community}/acts``."""

    channel: str
    community: str
    acts: Mapping[str, Any]
    definitions: Mapping[str, Any]

    def require(self, act: str, fields: Mapping[str, Any]) -> None:
        """Refuse (BadInput) an act there is not, fields it has not, and fields left out."""
        form = self._form(act)
        unknown = sorted(set(fields) - set(form["properties"]))
        if unknown:
            raise BadInput(f"{act} has no field {', '.join(unknown)}; it has {_names(form)}")
        missing = sorted(set(form["required"]) - set(fields))
        if missing:
            raise BadInput(f"{act} needs {', '.join(missing)}")

    def parse(self, act: str, given: Sequence[str]) -> dict[str, Any]:
        """Fields given as ``name=value``: JSON, or plain text where the field is a text.

        Raises BadInput.
        """
        form = self._form(act)
        fields: dict[str, Any] = {}
        for one in given:
            name, mark, text = one.partition("=")
            if not mark or name in fields:
                raise BadInput(f"{one!r}: give each field once, as name=value")
            if name not in form["properties"]:
                raise BadInput(f"{act} has no field {name}; it has {_names(form)}")
            fields[name] = self._value(name, text, form["properties"][name])
        return fields

    def _form(self, act: str) -> Mapping[str, Any]:
        if act not in self.acts:
            raise BadInput(f"{self.community} knows no act {act!r}; `act list` shows those it has")
        fields: Mapping[str, Any] = self.acts[act]["fields"]
        return fields

    def _value(self, name: str, text: str, schema: Mapping[str, Any]) -> Any:
        kinds = self._kinds(schema)
        if text == "null" and "null" in kinds:
            return None
        if "string" in kinds and not text.startswith('"'):
            return text
        try:
            return json.loads(text, parse_constant=_no_number)
        except ValueError:
            raise BadInput(f"{name}: {text!r} is not JSON") from None

    def _kinds(self, schema: Mapping[str, Any]) -> set[str]:
        """The JSON types that a schema admits."""
        if "$ref" in schema:
            return self._kinds(self.definitions[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return {kind for one in schema["anyOf"] for kind in self._kinds(one)}
        if "enum" in schema:
            return {"null" if one is None else "string" for one in schema["enum"]}
        return {schema.get("type", "object")}


async def fetch_forms(gateways: Gateways, community: str) -> Forms:
    """Ask a gateway. Raises Refused (no such community), Unreachable, NotKnown."""
    answer = await gateways.call("GET", f"/v1/communities/{community}/acts")
    said = answer.json()
    try:
        forms = Forms(said["channel"], said["community"], said["acts"], said["$defs"])
    except (KeyError, TypeError):
        forms = None
    if forms is None or forms.community != community:
        raise NotKnown(f"{answer.address} answers what no gateway would")
    return forms


def _names(form: Mapping[str, Any]) -> str:
    return ", ".join(sorted(form["properties"]))


def _no_number(text: str) -> Any:
    raise ValueError(text)
