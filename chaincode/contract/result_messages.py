"""What results are asked and told, and the events they announce."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Id, Record, Sha256
from chaincode.model.result import Objection, ObjectionAnswer
from chaincode.model.tally import Outcome


class ObjectToResult(ActBody):
    """Object to a preliminary result as an owner of a unit."""

    motion_id: Id
    unit_id: Id
    evidence_sha256: Sha256


class AnswerObjection(Request):
    """Say whether an objection is right; `evidence_sha256` is the hash of the reasons."""

    motion_id: Id
    holder_id: Id
    answer: ObjectionAnswer
    evidence_sha256: Sha256


class ObjectionList(Record):
    """The objections to a result, by who objected."""

    objections: tuple[Objection, ...]


class ResultPreliminary(Record):
    """Event: the ballots are counted; owners may object until `objections_until_at`."""

    community: str
    motion_id: str
    outcome: Outcome
    objections_until_at: int
    event: str = "ResultPreliminary"


class ObjectionMade(Record):
    """Event: an owner objected."""

    community: str
    motion_id: str
    event: str = "ObjectionMade"


class ObjectionAnswered(Record):
    """Event: the regulator answered an objection."""

    community: str
    motion_id: str
    answer: ObjectionAnswer
    event: str = "ObjectionAnswered"


class ResultFinal(Record):
    """Event: the result stands; the certificate is on record."""

    community: str
    motion_id: str
    outcome: Outcome
    event: str = "ResultFinal"


class EffectApplied(Record):
    """Event: what the motion carried has been brought about."""

    community: str
    motion_id: str
    kind: str
    event: str = "EffectApplied"
