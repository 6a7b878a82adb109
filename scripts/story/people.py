"""The owners as people: who they are, and the key that each makes and keeps.

The demo stands in for 994 phones. Each person has a folder of their own with one private key; no
gateway and no office ever sees one. Who has which random id the demo's people know from the office.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaincode.model.base import Role
from gateway.identity.flows import Flow
from gateway.identity.rollfile import Line, read_roll
from scripts.hand.certifying import Applicant
from scripts.hand.folder import KEY
from scripts.hand.person import Person
from scripts.story.places import ROLL

PHONE_FIRST: Final = 13_900_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One owner; `wards` are the units they speak for: their own, or those of which they are named
    first, whom their co-owners will name as representative."""

    number: int
    name: str
    id_no: str
    units: tuple[str, ...]
    wards: tuple[str, ...]
    is_developer: bool

    @property
    def label(self) -> str:
        """What the folder of the key is called."""
        return f"owner-{self.number:04d}"

    @property
    def member_label(self) -> str:
        """The same for the key that a member of the committee uses."""
        return f"member-{self.number:04d}"

    def applicant(self, role: Role = Role.OWNER) -> Applicant:
        """How they ask for a credential: at the counter, with their own phone number."""
        return Applicant(
            name=self.name,
            id_no=self.id_no,
            phone=str(PHONE_FIRST + self.number),
            unit_id=self.units[0],
            role=role,
            flow=Flow.COUNTER,
        )


def read_owners(path: Path = ROLL) -> tuple[Owner, ...]:
    """The owners of the roll, in the order in which it first names them."""
    units = read_roll(path.read_bytes())
    owners: dict[str, list[Line]] = {}
    for lines in units:
        for line in lines:
            owners.setdefault(line.owner.id_no, []).append(line)
    firsts: dict[str, list[str]] = {}
    for lines in units:
        firsts.setdefault(lines[0].owner.id_no, []).append(lines[0].unit_id)
    return tuple(
        Owner(
            number=number,
            name=lines[0].owner.name,
            id_no=id_no,
            units=tuple(line.unit_id for line in lines),
            wards=tuple(firsts.get(id_no, ())),
            is_developer=lines[0].owner.kind == "organisation",
        )
        for number, (id_no, lines) in enumerate(owners.items(), start=1)
    )


def key_of(folder: Path) -> Person:
    """The person whose key is in this folder; made now if there is none."""
    return Person.open(folder) if (folder / KEY).exists() else Person.create(folder)


def save_ids(file: Path, ids: Mapping[str, str]) -> None:
    """Keep which random id stands for which label."""
    file.write_text(json.dumps(dict(ids)), encoding="utf-8")
    file.chmod(0o600)


def load_ids(file: Path) -> dict[str, str]:
    """What `save_ids` kept; empty before."""
    if not file.exists():
        return {}
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


def co_owned(owners: Sequence[Owner]) -> Mapping[str, Sequence[Owner]]:
    """Units with several owners, and who they are; whoever speaks for the unit comes first."""
    found: dict[str, list[Owner]] = {}
    for owner in owners:
        for unit in owner.units:
            known = found.setdefault(unit, [])
            known.insert(0 if unit in owner.wards else len(known), owner)
    return {unit: ones for unit, ones in found.items() if len(ones) > 1}
