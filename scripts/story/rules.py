"""The community's decision rules: those that ship, with periods that a demo can wait for.

Nothing but periods and seats is changed, and the clock is the real one: the regulator states these
rules as the community's starting rules, as it may state any.
"""

import json
from typing import Any, Final

from chaincode import codec
from chaincode.templates import load_templates

NOTICE_MS: Final = 1_000
WINDOW_MS: Final = 10_000
"""Announced; the window is extended while owners are still voting."""
EXTENSION_MS: Final = 4_000
"""Short: what is left of the last one is waited out by everybody."""
EXTENSIONS_MAX: Final = 200
OBJECTION_MS: Final = 1_000
SEATS: Final = 7
SEATS_MIN: Final = 5
CANDIDATES: Final = 9
ELECTION: Final = "committee-election"
ORDINARY: Final = "ordinary"
TEMPLATES: Final = {ELECTION: "cn-278-committee-seat", ORDINARY: "cn-278-ordinary"}


def short_rule(matter_class: str) -> dict[str, Any]:
    """The shipped rule of a class with the demo's periods."""
    template = load_templates()[TEMPLATES[matter_class]]
    rule: dict[str, Any] = json.loads(codec.encode(template))
    rule["id"] = f"fuzemen-{matter_class}"
    rule["title"] = f"{template.title}, with the demo's short periods"
    rule["times"] |= {
        "notice_ms": NOTICE_MS,
        "candidate_notice_ms": NOTICE_MS,
        "extension_ms": EXTENSION_MS,
        "extensions_max": EXTENSIONS_MAX,
        "objection_ms": OBJECTION_MS,
    }
    if matter_class == ELECTION:
        rule["ballot"]["multi_seat"] |= {
            "seats": SEATS,
            "seats_min": SEATS_MIN,
            "max_choices": SEATS,
        }
    else:
        rule["authority"]["initiators"] = ["committee", "petition", "regulator", "property"]
    return rule
