"""Motions, ballots, results and certificates."""

from typing import Final

from chaincode.model.ballot import KeyRelease, PaperSheet, PrivateKey, ProxyGrant
from chaincode.model.base import AreaDm2, Count, Id, Org, Sha256, ShortText, TimeMs
from chaincode.model.motion import (
    Content,
    Document,
    MatterRule,
    Motion,
    Opinion,
    Phase,
    PublicKey,
    TrusteeKey,
    WordList,
)
from chaincode.model.result import (
    Board,
    Certificate,
    CountedBallots,
    Objection,
    ObjectionAnswer,
    Receipt,
    Result,
)
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import Weights
from gateway.api.guards import own_unit
from gateway.api.paging import CutBy, Page
from gateway.api.rows import many, query, statement, view
from gateway.routes import Route

_CONVENERS = (Org.COMMITTEE, Org.REGULATOR)
_REGULATOR = (Org.REGULATOR,)

MotionView = view(
    "MotionView",
    motion=Motion,
    phase=Phase,
    is_carried=bool,
    closes_at=TimeMs | None,
    content_sha256=Sha256,
)
MotionList = view("MotionList", motions=many(MotionView))
PetitionView = view(
    "PetitionView",
    motion_id=Id,
    signatures_count=Count,
    supporting=Weights,
    totals=Weights,
    num=Count,
    den=Count,
    by_area=bool,
    is_supported=bool,
)
RuleList = view("RuleList", rules=tuple[DecisionRule, ...])
BuildingTurnout = view("BuildingTurnout", building=Id, returned=Weights, totals=Weights)
Turnout = view(
    "TurnoutSoFar",
    motion_id=Id,
    returned=Weights,
    totals=Weights,
    buildings=many(BuildingTurnout),
)
VoteWeight = view(
    "VoteWeight",
    motion_id=Id,
    unit_id=Id,
    area_dm2=AreaDm2,
    head_id=Id,
    counts=bool,
    may_vote=bool,
)
ObjectionList = view("ObjectionList", objections=tuple[Objection, ...])

_MOTION = "/motions/{motion_id}"

RULES: Final[tuple[Route, ...]] = (
    query("rule_templates", "/rule-templates", "The rules that ship.", "rules", RuleList),
    query("matter_rules", "/rules", "The decision rules of the community.", "rules", RuleList),
    query(
        "matter_rule",
        "/rules/{matter_class}",
        "The decision rule of one matter class.",
        "rules",
        MatterRule,
    ),
    statement(
        "set_matter_rule",
        "/rules",
        "States the starting rule of a matter class.",
        "rules",
        MatterRule,
        orgs=_REGULATOR,
        template_id=(Id | None, None),
        rule=(DecisionRule | None, None),
    ),
    query("words", "/words", "The words that texts may not hold.", "rules", WordList),
    statement(
        "set_words",
        "/words",
        "States the words texts may not hold.",
        "rules",
        WordList,
        method="PUT",
        orgs=_REGULATOR,
        words=tuple[ShortText, ...],
    ),
)

MOTIONS: Final[tuple[Route, ...]] = (
    query("motion", _MOTION, "One motion and where it stands.", "motions", MotionView),
    query("petition", f"{_MOTION}/petition", "How far a petition is.", "motions", PetitionView),
    statement(
        "draft_official_motion",
        _MOTION,
        "Drafts a motion as the regulator.",
        "motions",
        Motion,
        method="PUT",
        orgs=_REGULATOR,
        content=Content,
    ),
    statement(
        "call_again",
        f"{_MOTION}/second-call",
        "Puts an inquorate motion again, under this id, on second-call terms.",
        "motions",
        Motion,
        orgs=_CONVENERS,
        repeats=Id,
    ),
    statement(
        "review_motion",
        f"{_MOTION}/reviews",
        "Does one step of a motion's review.",
        "motions",
        Motion,
        step=ShortText,
        opinion=Opinion,
        evidence_sha256=Sha256,
        decision_id=(Id | None, None),
    ),
    statement(
        "register_trustee_key",
        f"{_MOTION}/trustee-keys",
        "Gives a public key for sealed ballots.",
        "motions",
        TrusteeKey,
        orgs=_CONVENERS,
        public_key=PublicKey,
    ),
    statement(
        "publish_motion",
        f"{_MOTION}/publication",
        "Gives notice of a motion; pins its rule.",
        "motions",
        Motion,
        orgs=_CONVENERS,
        notice=Document,
        opens_at=TimeMs,
        closes_at=TimeMs,
        roll_id=(Sha256 | None, None),
    ),
    statement("pin_roll", f"{_MOTION}/roll", "Pins the roll, if due.", "motions", Motion),
    statement(
        "extend_motion",
        f"{_MOTION}/extensions",
        "Extends a motion's window.",
        "motions",
        Motion,
        orgs=_CONVENERS,
    ),
    statement("close_motion", f"{_MOTION}/close", "Ends the casting, when due.", "motions", Motion),
    statement(
        "void_motion",
        f"{_MOTION}/void",
        "Declares that a motion has no result.",
        "motions",
        Motion,
        orgs=(Org.REGULATOR, Org.ARBITRATION),
        reason=ShortText,
        evidence_sha256=Sha256,
    ),
    statement(
        "apply_effect",
        f"{_MOTION}/effect",
        "Brings about what a motion carried.",
        "motions",
        Motion,
    ),
)

BALLOTS: Final[tuple[Route, ...]] = (
    query(
        "turnout",
        f"{_MOTION}/turnout",
        "Who took part so far, never what they chose.",
        "ballots",
        Turnout,
    ),
    query(
        "board",
        f"{_MOTION}/board",
        "The public board: unit, area, choice or commitment.",
        "ballots",
        Board,
        page=Page(rows="rows", key=("unit_id",), cut_by=CutBy.PEER_TELLING),
    ),
    query(
        "vote_weight",
        f"{_MOTION}/units/{{unit_id}}/weight",
        "What a unit counts for in a motion.",
        "ballots",
        VoteWeight,
    ),
    query(
        "ballot_receipt",
        f"{_MOTION}/ballots/{{unit_id}}",
        "The ballot on record for one's own unit; whether it was counted.",
        "ballots",
        Receipt,
        guard=own_unit,
    ),
    query(
        "paper_sheet",
        f"{_MOTION}/paper/{{unit_id}}",
        "The readings of one paper ballot.",
        "ballots",
        PaperSheet,
    ),
    query("proxy_grant", "/proxies/{grant_id}", "One proxy grant.", "ballots", ProxyGrant),
    statement(
        "release_trustee_key",
        f"{_MOTION}/key-releases",
        "Gives the private key to open sealed ballots.",
        "ballots",
        KeyRelease,
        orgs=_CONVENERS,
        private_key=PrivateKey,
    ),
)

RESULTS: Final[tuple[Route, ...]] = (
    statement(
        "count_motion",
        f"{_MOTION}/count",
        "Counts a closed motion and decides it.",
        "results",
        Result,
    ),
    query("result", f"{_MOTION}/result", "The figures of a counted motion.", "results", Result),
    query(
        "counted_ballots",
        f"{_MOTION}/counted-ballots",
        "The ballots as they were counted, for a verifier.",
        "results",
        CountedBallots,
        page=Page(rows="ballots", key=("unit_id",), cut_by=CutBy.PEER_TELLING),
    ),
    query(
        "objections",
        f"{_MOTION}/objections",
        "The objections to a result.",
        "results",
        ObjectionList,
        page=Page(rows="objections", key=("holder_id",)),
    ),
    statement(
        "answer_objection",
        f"{_MOTION}/objections/{{holder_id}}/answer",
        "Answers an objection.",
        "results",
        Objection,
        orgs=_REGULATOR,
        answer=ObjectionAnswer,
        evidence_sha256=Sha256,
    ),
    statement(
        "finalise_motion",
        f"{_MOTION}/finalisation",
        "Makes a result final, when due.",
        "results",
        Certificate,
    ),
    query(
        "certificate",
        f"{_MOTION}/certificate",
        "The document of a final result.",
        "certificates",
        Certificate,
    ),
)

ROUTES: Final = (*RULES, *MOTIONS, *BALLOTS, *RESULTS)
