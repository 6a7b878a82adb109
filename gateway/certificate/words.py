"""What the certificate says in both languages, and the decision rule in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chaincode.model.base import Org
from chaincode.model.motion import Motion
from chaincode.model.procedure import Scope
from chaincode.model.result import ObjectionAnswer, UnopenedReason
from chaincode.model.rule import (
    Basis,
    Combine,
    Counted,
    DecisionRule,
    Measure,
    Op,
    Option,
    PassClause,
    Passing,
    Turnout,
)
from chaincode.model.tally import Outcome, SeatStatus


@dataclass(frozen=True, slots=True)
class Both:
    """The same in Chinese and in English; neither is a translation word by word."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} {self.en}" if self.zh else self.en


OUTCOMES: Final[Mapping[Outcome, Both]] = {
    Outcome.CARRIED: Both("通过", "Carried"),
    Outcome.LOST: Both("未通过", "Not carried"),
    Outcome.INQUORATE: Both("参与表决未达法定要求", "Too few took part"),
}
MEASURES: Final[Mapping[Measure, Both]] = {
    Measure.AREA: Both("专有部分面积", "area"),
    Measure.HEADS: Both("业主人数", "owners"),
    Measure.LOTS: Both("户数", "units"),
    Measure.ENTITLEMENT: Both("权益份额", "entitlement"),
    Measure.SHARE_VALUE: Both("份额值", "share value"),
}
OPS: Final[Mapping[Op, Both]] = {
    Op.AT_LEAST: Both("不少于", "at least"),
    Op.MORE_THAN: Both("超过", "more than"),
    Op.AT_MOST: Both("不超过", "at most"),
    Op.LESS_THAN: Both("少于", "less than"),
}
COUNTED: Final[Mapping[Counted, Both]] = {
    Counted.YES: Both("同意", "in favour"),
    Counted.NO: Both("反对", "against"),
    Counted.YES_AND_ABSTAIN: Both("同意或弃权", "in favour or abstaining"),
}
BASES: Final[Mapping[Basis, Both]] = {
    Basis.PARTICIPATING: Both("参与表决的", "taking part"),
    Basis.CAST: Both("表示同意或反对的", "for or against"),
    Basis.ALL: Both("全体的", "in all"),
}
JOINS: Final[Mapping[Combine, Both]] = {
    Combine.ALL: Both("，且", ", and "),
    Combine.ANY: Both("，或", ", or "),
}
OPTIONS: Final[Mapping[str, Both]] = {
    Option.FOR: Both("赞成", "For"),
    Option.AGAINST: Both("反对", "Against"),
    Option.ABSTAIN: Both("弃权", "Abstain"),
    Option.NONE_OF_THESE: Both("均不同意", "None of these"),
}
SCOPES: Final[Mapping[Scope, Both]] = {
    Scope.COMMUNITY: Both("全体业主", "all owners"),
    Scope.BUILDINGS: Both("楼栋", "buildings"),
    Scope.ENTRANCES: Both("单元", "entrances"),
    Scope.UNITS: Both("专有部分", "units"),
}
SEATS: Final[Mapping[SeatStatus, Both]] = {
    SeatStatus.ELECTED: Both("当选", "elected"),
    SeatStatus.ALTERNATE: Both("候补", "alternate"),
    SeatStatus.NOT_ELECTED: Both("未当选", "not elected"),
    SeatStatus.BELOW_THRESHOLD: Both("未达票数", "below threshold"),
}
ANSWERS: Final[Mapping[ObjectionAnswer | None, Both]] = {
    ObjectionAnswer.DISMISSED: Both("不成立", "dismissed"),
    ObjectionAnswer.UPHELD: Both("成立", "upheld"),
    None: Both("未答复", "not answered"),
}
UNOPENED: Final[Mapping[UnopenedReason, Both]] = {
    UnopenedReason.KEY_MISSING: Both("缺少密钥", "key missing"),
    UnopenedReason.UNREADABLE: Both("无法解密", "unreadable"),
    UnopenedReason.MISMATCH: Both("与承诺值不符", "commitment mismatch"),
    UnopenedReason.INVALID_CHOICE: Both("选项无效", "invalid choice"),
}
ORGS: Final[Mapping[Org, Both]] = {
    Org.BANK: Both("银行", "bank"),
    Org.COMMITTEE: Both("业主委员会", "owners' committee"),
    Org.PROPERTY: Both("物业服务企业", "property company"),
    Org.REGULATOR: Both("主管部门", "housing regulator"),
    Org.ARBITRATION: Both("仲裁机构", "arbitration body"),
    Org.PLATFORM: Both("平台", "platform"),
}


def option_words(motion: Motion, option: str) -> Both:
    """An option as its label says; its id where it has none (a candidate)."""
    for own in motion.content.options:
        if own.option == option and own.label:
            return Both("", own.label)
    return OPTIONS.get(option, Both("", option))


def terms(motion: Motion, rule: DecisionRule) -> tuple[Turnout, Passing]:
    """What turnout and what majority this vote needed; a second call has its own."""
    if motion.call > 1 and rule.second_call is not None:
        return rule.second_call.turnout, rule.second_call.passing or rule.passing
    return rule.turnout, rule.passing


def rule_words(motion: Motion, rule: DecisionRule) -> list[Both]:
    """The rule in plain words, a sentence each."""
    turnout, passing = terms(motion, rule)
    said = [_turnout_words(turnout)]
    if passing.clauses:
        said.append(_passing_words(passing))
    if rule.follow_majority is not None:
        clause = rule.follow_majority.clause
        said.append(
            Both(
                f"未返还的表决票按多数意见计算，依据：{clause}。",
                f"Ballots not returned follow the majority, by {clause}.",
            )
        )
    return said


def _turnout_words(turnout: Turnout) -> Both:
    if not turnout.clauses:
        return Both("对参与表决的比例没有要求。", "Any turnout will do.")
    zh = JOINS[turnout.combine].zh.join(
        f"参与表决的{MEASURES[one.measure].zh}{OPS[one.op].zh}全部的 {one.num}/{one.den}"
        for one in turnout.clauses
    )
    en = JOINS[turnout.combine].en.join(
        f"{OPS[one.op].en} {one.num}/{one.den} of the {MEASURES[one.measure].en}"
        for one in turnout.clauses
    )
    return Both(f"有效：{zh}。", f"Valid when {en} take part.")


def _passing_words(passing: Passing) -> Both:
    zh = JOINS[passing.combine].zh.join(map(_zh_clause, passing.clauses))
    en = JOINS[passing.combine].en.join(map(_en_clause, passing.clauses))
    return Both(f"通过：{zh}。", f"Carried when {en}.")


def _zh_clause(one: PassClause) -> str:
    base = f"{BASES[one.basis].zh}{MEASURES[one.measure].zh}"
    return f"{COUNTED[one.count].zh}的占{base}的比例{OPS[one.op].zh} {one.num}/{one.den}"


def _en_clause(one: PassClause) -> str:
    base = f"of the {MEASURES[one.measure].en} {BASES[one.basis].en}"
    return f"{OPS[one.op].en} {one.num}/{one.den} {base} are {COUNTED[one.count].en}"
