"""Every event of the contract is on exactly one of two lists, and is seen accordingly: a new one
must be put on one of them."""

import importlib
import pkgutil

import msgspec
import pytest

import chaincode.contract
import chaincode.model
from chaincode.model.base import Record
from gateway.access import CIVIC, MEMBERS, Reader, Who
from gateway.live.visible import FOR_MEMBERS, may_see

FOR_CIVIC = frozenset(
    {
        "BallotOpened", "BallotsCast", "CredentialIssued", "DismissalNoticeRecorded",
        "FreezeAsked", "FreezeSupported", "HandCounted", "KeyReleased", "NoticeServed",
        "ObjectionAnswered", "ObjectionMade", "PaperEntered", "PetitionSigned", "ProxyGranted",
        "ProxyRevoked", "RepresentativeNamed", "RollFrozen", "RollImported",
        "TrusteeKeyRegistered", "UnitCorrected", "UnitRemoved", "UnitTransferred", "WordsSet",
    }
)  # fmt: skip
"""What may tell who took part or who owns what."""


def events() -> set[str]:
    """The names of all records that are events."""
    names = set()
    for package in (chaincode.contract, chaincode.model):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for kind in vars(importlib.import_module(found.name)).values():
                if isinstance(kind, type) and issubclass(kind, Record):
                    fields = {field.name: field for field in msgspec.structs.fields(kind)}
                    if "event" in fields and isinstance(fields["event"].default, str):
                        names.add(fields["event"].default)
    return names


def test_the_lists_are_whole_and_apart() -> None:
    assert events() == FOR_MEMBERS | FOR_CIVIC
    assert not FOR_MEMBERS & FOR_CIVIC
    assert len(events()) > 70


@pytest.mark.parametrize("who", Who)
def test_each_sees_what_the_lists_say(who: Who) -> None:
    reader = Reader(who=who, community="fuzemen")
    assert {may_see(reader, name) for name in FOR_MEMBERS} == {who in MEMBERS}
    assert {may_see(reader, name) for name in FOR_CIVIC} == {who in CIVIC}
