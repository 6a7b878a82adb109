"""The decision rules that ship, one JSON file each: reading them is all that happens here."""

from importlib.resources import files

from chaincode.codec import decode_unambiguous
from chaincode.model.rule import DecisionRule
from chaincode.rules.templates import validate_rule


def read_template(data: bytes) -> DecisionRule:
    """One rule from its JSON bytes, checked.

    Raises BadInput `input/malformed` or `input/duplicate-field`, RuleForbids `rule/...`.
    """
    rule = decode_unambiguous(data, DecisionRule)
    validate_rule(rule)
    return rule


def load_templates() -> dict[str, DecisionRule]:
    """Every rule that ships, by id, in order of ids."""
    sources = sorted(
        (entry for entry in files(__name__).iterdir() if entry.name.endswith(".json")),
        key=lambda entry: entry.name.removesuffix(".json"),
    )
    return {rule.id: rule for rule in (read_template(entry.read_bytes()) for entry in sources)}
