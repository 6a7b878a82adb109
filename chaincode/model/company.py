"""The property company (物业服务企业) in office.

A clerk's power comes from the company that is in office now, whatever a credential says. Imported
by the rules, the contract and the gateway.
"""

from typing import Final

from chaincode.model.base import Id, Org, Record, Sha256, TimeMs

DISMISSAL_NOTICE_MS: Final = 60 * 24 * 60 * 60 * 1000
"""How long before its end a company is told of its dismissal (Civil Code Art. 946)."""


class Company(Record):
    """The company in office; those before stay in the key's history.

    Exactly one of `decided_by` (the motion or resolution that chose it) and `evidence_sha256`
    (the contract's filing, for the company that was there first) is set.
    """

    company_id: Id
    contract_sha256: Sha256
    since_at: TimeMs
    since_tx: str
    decided_by: Id | None = None
    evidence_sha256: Sha256 | None = None


class DismissalNotice(Record):
    """The written notice that a company is dismissed, as it was served (Civil Code Art. 946).

    A contract may agree on another time than 60 days, so a shorter notice is shown and refuses
    nothing.
    """

    company_id: Id
    notice_sha256: Sha256
    served_at: TimeMs
    recorded_by: Org
    recorded_at: TimeMs
    recorded_tx: str
