"""Whom the sandbox authority knows: the people of a roll file, and their deterministic accounts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.identity.rollfile import read_roll


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the registers have them. An empty phone: no number is registered to them."""

    id_no: str
    name: str
    phone: str
    units: frozenset[str]


def read_people(roll: bytes) -> Mapping[str, Known]:
    """The people of a roll file by identity code. Raises BadRollFile."""
    units: dict[str, set[str]] = {}
    owners = {}
    for lines in read_roll(roll):
        for line in lines:
            owners[line.owner.id_no] = line.owner
            units.setdefault(line.owner.id_no, set()).add(line.unit_id)
    return {
        id_no: Known(id_no, owner.name, owner.phone, frozenset(units[id_no]))
        for id_no, owner in owners.items()
    }


def derived(seed: str, *parts: object) -> str:
    """64 hex digits that follow from the seed and nothing else."""
    text = "\n".join(map(str, (seed, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()


def usual_account(seed: str, id_no: str) -> str:
    """The messaging account a person signs in with, unless they say another."""
    return f"wx-{derived(seed, 'account', id_no)[:24]}"
