"""Whom the sandbox authority knows: the people of a roll file and of a file of clerks, and their
deterministic accounts."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from chaincode.model.base import Role
from gateway.identity.rollfile import read_roll

CLERK_COLUMNS: Final = ("role", "company_id", "name", "id_no", "phone")
Post = tuple[Role, str | None]
"""A clerk's role, and a company clerk's company."""


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the registers have them. An empty phone: no number is registered to them."""

    id_no: str
    name: str
    phone: str
    units: frozenset[str]
    posts: frozenset[Post] = frozenset()


def read_people(roll: bytes, clerks: bytes = b"") -> Mapping[str, Known]:
    """The people of a roll file, and of a CSV file of clerks (`CLERK_COLUMNS`), by identity code.

    Raises BadRollFile, or ValueError for the file of clerks.
    """
    units: dict[str, set[str]] = {}
    people: dict[str, tuple[str, str]] = {}
    posts: dict[str, set[Post]] = {}
    for lines in read_roll(roll):
        for line in lines:
            people[line.owner.id_no] = (line.owner.name, line.owner.phone)
            units.setdefault(line.owner.id_no, set()).add(line.unit_id)
    for row in _clerks(clerks):
        people[row["id_no"]] = (row["name"], row["phone"])
        posts.setdefault(row["id_no"], set()).add((Role(row["role"]), row["company_id"] or None))
    return {
        id_no: Known(
            id_no, name, phone, frozenset(units.get(id_no, ())), frozenset(posts.get(id_no, ()))
        )
        for id_no, (name, phone) in people.items()
    }


def _clerks(data: bytes) -> Iterator[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
    for row in rows if data else ():
        if tuple(row) != CLERK_COLUMNS or None in row.values():
            raise ValueError(f"clerks: the columns are {', '.join(CLERK_COLUMNS)}")
        yield row


def derived(seed: str, *parts: object) -> str:
    """64 hex digits that follow from the seed and nothing else."""
    text = "\n".join(map(str, (seed, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()


def usual_account(seed: str, id_no: str) -> str:
    """The messaging account a person signs in with, unless they say another."""
    return f"wx-{derived(seed, 'account', id_no)[:24]}"
