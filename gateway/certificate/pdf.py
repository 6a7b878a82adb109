"""The certificate as PDF: every figure of the record, in words and as a picture."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from chaincode import codec
from chaincode.model.result import Certificate
from chaincode.model.rule import BallotKind, DecisionRule, Measure
from chaincode.model.tally import ClauseResult, Outcome, Stage, Weights, weight
from gateway.certificate import words
from gateway.certificate.figures import amount, area_m2, local_time, offset_name, share
from gateway.certificate.fonts import Font
from gateway.certificate.sheet import AMBER, INK, MARGIN_MM, PALE, QUIET, TEAL, Column, Sheet
from gateway.certificate.words import Both

QR_MM: Final = 36.0
OBJECTIONS_LISTED_MAX: Final = 200
PROOF_WORDS: Final = Both(
    "扫描二维码可核对本证明与账本记录。各项数值由账本记录直接生成，不含任何个人姓名。",
    "Scan the code to compare this paper with the ledger. Every figure is the ledger's own; "
    "nobody is named.",
)
_COLORS: Final = {Outcome.CARRIED: TEAL, Outcome.LOST: INK, Outcome.INQUORATE: AMBER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same on every certificate of a gateway. `verify_url` is where the QR code
    leads; the hashes are added to it."""

    font: Font
    verify_url: str
    offset_minutes: int


def certificate_sha256(certificate: Certificate) -> str:
    """The hash of the record's canonical bytes, as they are on the ledger."""
    return hashlib.sha256(codec.encode(certificate)).hexdigest()


def verify_link(setting: Setting, community: str, certificate: Certificate) -> str:
    """Where anybody compares this paper with the ledger."""
    query = {
        "community": community,
        "motion": certificate.motion.motion_id,
        "certificate": certificate_sha256(certificate),
        "ballots": certificate.ballots_sha256,
    }
    return f"{setting.verify_url}?{urlencode(query)}"


def certificate_pdf(community: str, certificate: Certificate, setting: Setting) -> bytes:
    """The document. The same certificate and setting give the same bytes.

    The motion of a certificate is published, counted and final, so these facts are there.
    """
    title = certificate.motion.content.title
    sheet = Sheet(
        setting.font,
        title=f"表决结果证明 {title}",
        mark=f"{community} · {certificate.motion.motion_id} · {certificate_sha256(certificate)}",
        made_at=certificate.at,
    )
    page = _Page(sheet, community, certificate, setting)
    page.head()
    page.votes()
    page.figures()
    page.rule()
    page.course()
    page.objections()
    page.proof()
    return bytes(sheet.output())


class _Page:
    def __init__(
        self, sheet: Sheet, community: str, certificate: Certificate, setting: Setting
    ) -> None:
        publication = certificate.motion.publication
        assert publication is not None
        self._sheet = sheet
        self._community = community
        self._certificate = certificate
        self._motion = certificate.motion
        self._publication = publication
        self._rule: DecisionRule = publication.rule
        self._setting = setting

    def head(self) -> None:
        """What was decided, first in words."""
        sheet, outcome = self._sheet, self._certificate.decision.outcome
        sheet.ink(22, is_bold=True)
        sheet.cell(0, 11, "表决结果证明", align="C", new_x="LMARGIN", new_y="NEXT")
        sheet.ink(10.5, QUIET)
        sheet.cell(
            0, 5, "Certificate of the Owners' Vote", align="C", new_x="LMARGIN", new_y="NEXT"
        )
        sheet.ln(5)
        sheet.paragraph(self._motion.content.title, 14, is_bold=True)
        sheet.ln(2)
        said = words.OUTCOMES[outcome]
        sheet.set_fill_color(*PALE)
        sheet.rect(sheet.l_margin, sheet.get_y(), sheet.epw, 16, style="F")
        sheet.set_fill_color(*_COLORS[outcome])
        sheet.rect(sheet.l_margin, sheet.get_y(), 2.2, 16, style="F")
        sheet.set_x(sheet.l_margin + 7)
        sheet.ink(19, _COLORS[outcome], is_bold=True)
        sheet.cell(sheet.get_string_width(said.zh) + 5, 16, said.zh)
        sheet.ink(12, _COLORS[outcome])
        sheet.cell(0, 16.6, said.en, new_x="LMARGIN", new_y="NEXT")
        chosen = self._certificate.decision.chosen
        if chosen:
            sheet.ln(2)
            sheet.fact("选定 Chosen", str(words.option_words(self._motion, chosen)))

    def votes(self) -> None:
        """Turnout and majority against what they had to be."""
        clauses = self._certificate.decision.clauses
        self._bars(Both("参与表决", "Turnout"), [c for c in clauses if c.stage is Stage.TURNOUT])
        passing = [one for one in clauses if one.stage is Stage.PASSING]
        if self._rule.ballot.kind is BallotKind.DECISION:
            self._bars(Both("表决意见", "Majority"), passing)
        elif passing:
            self._clause_table(passing)

    def figures(self) -> None:
        """The whole count, option by option."""
        sheet, tally = self._sheet, self._certificate.tally
        sheet.heading("计票", "The count")
        rows: list[tuple[str, Weights]] = []
        for option in tally.options:
            label = words.option_words(self._motion, option.option)
            rows.append((str(label), option.cast))
            if option.followed != Weights():
                rows.append((f"{label.zh or label.en}（从多数 following）", option.followed))
        rows += [
            ("参与表决 Taking part", tally.participating),
            ("已返还 Returned", tally.returned),
            ("未返还 Not returned", tally.not_returned),
            ("废票 Spoiled", tally.spoiled),
            ("总计 In all", self._certificate.totals),
        ]
        columns, measures = self._measure_columns()
        sheet.table_of(
            columns,
            [[name, *(_plain(measure, w) for measure in measures)] for name, w in rows],
        )
        sheet.ln(1.5)
        sheet.fact("表决票 Ballots", self._ballot_words())
        self._seats()
        for mean in self._certificate.decision.means:
            measure = words.MEASURES[mean.measure]
            sheet.fact(f"平均分 Mean grade, {measure.en}", f"{mean.num} / {mean.den}")
        for one in self._certificate.unopened:
            sheet.fact("未能开启 Not opened", f"{one.unit_id}: {words.UNOPENED[one.reason]}")

    def rule(self) -> None:
        """By what rule, and on what legal ground."""
        sheet, rule = self._sheet, self._rule
        sheet.heading("表决规则", "How it is decided")
        for said in words.rule_words(self._motion, rule):
            sheet.paragraph(said.zh)
            sheet.paragraph(said.en, 8.5, QUIET)
            sheet.ln(0.8)
        sheet.fact("规则 Rule", f"{rule.title} ({rule.id}, {rule.version})")
        for number, basis in enumerate(rule.legal_basis):
            sheet.fact("法律依据 Legal basis" if number == 0 else "", basis)

    def course(self) -> None:
        """Who was asked, and when what happened."""
        sheet, motion, publication = self._sheet, self._motion, self._publication
        assert motion.roll is not None
        sheet.heading(
            "经过",
            f"The course of the vote (local time, {offset_name(self._setting.offset_minutes)})",
        )
        scope = motion.content.scope
        ids = f": {', '.join(scope.ids)}" if scope.ids else ""
        sheet.fact("小区 Community", self._community)
        sheet.fact("议题编号 Motion", f"{motion.motion_id} ({motion.content.matter_class})")
        sheet.fact("表决范围 Put to", f"{words.SCOPES[scope.kind]}{ids}")
        sheet.fact("户数 Units", f"{motion.roll.units_count:,}")
        if motion.repeats is not None:
            sheet.fact("再次表决 Second call of", motion.repeats)
        for review in motion.reviews:
            text = f"{words.ORGS[review.org]} {self._time(review.at)}"
            sheet.fact(f"审核 Review: {review.step}", text)
        closes_at = [publication.closes_at, *(one.closes_at for one in motion.extensions)]
        sheet.fact("公告 Notice", self._time(publication.at))
        sheet.fact("投票开始 Opened", self._time(publication.opens_at))
        sheet.fact("投票截止 Ended", " → ".join(map(self._time, closes_at)))
        sheet.fact("截止登记 Closed", self._time(motion.closed.at if motion.closed else None))
        if motion.counted is not None:
            sheet.fact("计票 Counted", self._time(motion.counted.at))
            until = self._time(motion.counted.objections_until_at)
            sheet.fact("异议期至 Objections until", until)
        sheet.fact("结果生效 Final", self._time(self._certificate.at))

    def objections(self) -> None:
        """Who objected is not told, what became of it is."""
        sheet, objections = self._sheet, self._certificate.objections
        sheet.heading("异议", "Objections")
        if not objections:
            sheet.paragraph("公示期内没有收到异议。 None was made while the result was on display.")
            return
        sheet.paragraph(f"共 {len(objections)} 件。 {len(objections)} in all.")
        columns = [
            Column(title="序号 No.", width_mm=18),
            Column(title="提出 Made", width_mm=42),
            Column(title="答复 Answer", width_mm=62),
            Column(title="答复时间 Answered", width_mm=sheet.epw - 122),
        ]
        rows = [
            [
                str(number),
                self._time(one.at),
                str(words.ANSWERS[one.answer]),
                self._time(one.answered_at),
            ]
            for number, one in enumerate(objections[:OBJECTIONS_LISTED_MAX], 1)
        ]
        sheet.table_of(columns, rows)

    def proof(self) -> None:
        """What anybody needs to check this paper against the ledger."""
        sheet, certificate = self._sheet, self._certificate
        link = verify_link(self._setting, self._community, certificate)
        sheet.heading("存证", "Proof", follows_mm=QR_MM + 22)
        top = sheet.get_y() + 1
        sheet.qr(link, sheet.l_margin + sheet.epw - QR_MM, top, QR_MM)
        sheet.set_right_margin(MARGIN_MM + QR_MM + 5)
        for label, value in (
            ("证明 Certificate", certificate_sha256(certificate)),
            ("结果 Result", certificate.result_sha256),
            ("全部表决票 All ballots", certificate.ballots_sha256),
            ("业主名册 Roll", certificate.roll_id),
            ("交易 Transaction", certificate.tx_id),
        ):
            sheet.ink(8, QUIET)
            sheet.cell(0, 4, label, new_x="LMARGIN", new_y="NEXT")
            sheet.ink(7.6)
            sheet.cell(0, 4, value, new_x="LMARGIN", new_y="NEXT")
        sheet.set_right_margin(MARGIN_MM)
        sheet.set_y(max(sheet.get_y(), top + QR_MM) + 2)
        sheet.paragraph(PROOF_WORDS.zh, 8, QUIET)
        sheet.paragraph(PROOF_WORDS.en, 8, QUIET)

    def _bars(self, title: Both, clauses: Sequence[ClauseResult]) -> None:
        if not clauses:
            return
        self._sheet.heading(title.zh, title.en, follows_mm=32)
        for one in clauses:
            measure = words.MEASURES[one.measure]
            counted = words.COUNTED[one.count] if one.count is not None else None
            label = f"{measure.zh} {measure.en}"
            if counted is not None:
                label = f"{counted.zh}：{measure.zh} {measure.en} {counted.en}"
            value, base = amount(one.measure, one.value), amount(one.measure, one.base)
            self._sheet.bar(
                label,
                f"{value} / {base} = {share(one.value, one.base)}",
                self._needed(one),
                part=one.value / one.base if one.base else 0.0,
                tick=one.num / one.den,
                met=_met(one),
            )

    def _needed(self, one: ClauseResult) -> str:
        op = words.OPS[one.op]
        needed = f"{one.num}/{one.den} ({share(one.num, one.den)})"
        return f"应{op.zh} {needed}　must be {op.en} {one.num}/{one.den}"

    def _clause_table(self, clauses: Sequence[ClauseResult]) -> None:
        sheet = self._sheet
        sheet.heading("各选项得票", "Each option against its threshold")
        columns = [
            Column(title="选项 Option", width_mm=48),
            Column(title="计量 Measure", width_mm=38),
            Column(title="得票 / 基数 Votes of", width_mm=50, is_figure=True),
            Column(title="应 Must be", width_mm=20, is_figure=True),
            Column(title="", width_mm=sheet.epw - 156, is_figure=True),
        ]
        rows = [
            [
                str(words.option_words(self._motion, one.option)),
                str(words.MEASURES[one.measure]),
                f"{_plain_value(one.measure, one.value)} / {_plain_value(one.measure, one.base)}",
                f"{one.op} {one.num}/{one.den}",
                "达到" if one.met else "未达到",
            ]
            for one in clauses
        ]
        sheet.table_of(columns, rows)

    def _measure_columns(self) -> tuple[list[Column], list[Measure]]:
        measures = [one.measure for one in self._rule.measures]
        if Measure.LOTS not in measures:
            measures.append(Measure.LOTS)
        width = (self._sheet.epw - 62) / len(measures)
        columns = [Column(title="", width_mm=62)]
        for measure in measures:
            unit = " m²" if measure is Measure.AREA else ""
            title = f"{words.MEASURES[measure]}{unit}"
            columns.append(Column(title=title, width_mm=width, is_figure=True))
        return columns, measures

    def _ballot_words(self) -> str:
        tally = self._certificate.tally
        return (
            f"共 {tally.ballots_count:,} 张，其中纸质 {tally.paper_count:,} 张，"
            f"废票 {tally.spoiled_count:,} 张。 {tally.ballots_count:,} in all, "
            f"{tally.paper_count:,} on paper, {tally.spoiled_count:,} spoiled."
        )

    def _seats(self) -> None:
        decision, sheet = self._certificate.decision, self._sheet
        if not decision.seats:
            return
        sheet.heading("席位", "Seats")
        columns = [
            Column(title="名次 Rank", width_mm=24),
            Column(title="候选人 Candidate", width_mm=80),
            Column(title="", width_mm=sheet.epw - 104),
        ]
        rows = [
            [
                str(one.rank),
                str(words.option_words(self._motion, one.candidate)),
                str(words.SEATS[one.status]) + ("（抽签 by lot）" if one.by_lot else ""),
            ]
            for one in decision.seats
        ]
        sheet.table_of(columns, rows)
        sheet.fact("空缺 Not filled", str(decision.seats_unfilled))

    def _time(self, at: int | None) -> str:
        return local_time(at, self._setting.offset_minutes)


def _met(one: ClauseResult) -> str:
    return "达到 met" if one.met else "未达到 not met"


def _plain(measure: Measure, weights: Weights) -> str:
    return _plain_value(measure, weight(weights, measure))


def _plain_value(measure: Measure, value: int) -> str:
    return area_m2(value) if measure is Measure.AREA else f"{value:,}"
