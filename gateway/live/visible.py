"""Who may see which event of a community: as the access table has it for what the event tells."""

from typing import Final

from gateway.access import CIVIC, MEMBERS, Reader

FOR_MEMBERS: Final = frozenset(
    {
        "AccountReplaced", "ArbitrationJoined", "AwardRecorded", "BankExceptionRaised",
        "BankExceptionResolved", "BudgetClosed", "BudgetOpened", "BudgetRatified",
        "BulletinPublished", "BulletinWithdrawn", "CommitteeDecisionCarried",
        "CommitteeDecisionOpened", "CommitteeSeated", "CommunityOpened", "CompanySeated",
        "DisclosurePublished", "DisputeOpened", "DisputeWithdrawn", "EffectApplied",
        "EmergencyTermsSet", "EvidenceAdded", "FreezeLifted", "FreezeTermsSet", "FundOpened",
        "HandoverSigned", "LimitDelegated", "LineCorrected", "LineExplained", "MoneyFrozen",
        "MotionClosed", "MotionDrafted", "MotionExtended", "MotionPublished", "MotionReviewed",
        "MotionVoided", "OfficeHandedOver", "PaymentMoved", "ProviderConfirmed", "ProviderEnded",
        "ProviderRegistered", "RateAdopted", "RefillNeeded", "ReportPublished",
        "ResolutionRecorded", "ResultFinal", "ResultPreliminary", "RollPinned", "RuleAdopted",
        "SeatEnded", "StatementRecorded",
    }
)  # fmt: skip
"""Facts about the community, its offices and its money. Every other event, one of a later contract
too, may tell who took part or who owns what, so only owners and the offices see it."""


def may_see(reader: Reader, event_name: str) -> bool:
    """Whether this reader's stream holds events of this name."""
    return reader.who in (MEMBERS if event_name in FOR_MEMBERS else CIVIC)
