"""The certificate on paper: every figure of the record, the same bytes every time."""

import hashlib
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from chaincode import codec
from chaincode.model.base import Org, changed
from chaincode.model.result import Certificate, UnopenedBallot, UnopenedReason
from chaincode.model.rule import Measure
from chaincode.model.tally import Outcome
from gateway.certificate.figures import amount, area_m2, local_time, offset_name, share
from gateway.certificate.fonts import find_font
from gateway.certificate.part import CertificateSection
from gateway.certificate.pdf import Setting, certificate_pdf, certificate_sha256, verify_link
from gateway.certificate.words import rule_words
from gateway.errors import Problem
from tests.support.community import HASH, OBJECTION_MS, UNITS, Commons
from tests.support.readmodel import desk

TITLE = "更换 3 号楼电梯 Replace the lift"
URL = "https://regulator.example/verify"


@cache
def setting() -> Setting:
    try:
        font = find_font()
    except Problem:
        pytest.fail("no Chinese font is installed: run scripts/system")
    return Setting(font=font, verify_url=URL, offset_minutes=480)


@pytest.fixture
async def certificate() -> Certificate:
    """Five of six took part, one against; one objection, dismissed."""
    town = await Commons().settle()
    await town.open_motion(title=TITLE)
    for number, unit in enumerate(UNITS[:5]):
        choice = "against" if number == 1 else "for"
        await town.agreed(town.ballot(f"o{number + 1}", unit, choices=[choice]))
    await town.counted()
    objected = await town.acted(
        "o2", "object_to_result", motion_id="m1", unit_id=UNITS[1], evidence_sha256=HASH
    )
    assert objected.status == 200
    await town.done(
        Org.REGULATOR,
        "answer_objection",
        motion_id="m1",
        holder_id="o2",
        answer="dismissed",
        evidence_sha256=HASH,
    )
    town.ledger.now_ms += OBJECTION_MS
    found = await town.done(Org.PROPERTY, "finalise_motion", motion_id="m1")
    return codec.decode(json.dumps(found), Certificate)


def text_of(pdf: bytes, folder: Path) -> str:
    """The text as a reader copies it, without spaces and line ends."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.fail("pdftotext is not installed: run scripts/system")
    file = folder / "certificate.pdf"
    file.write_bytes(pdf)
    done = subprocess.run([program, "-layout", file, "-"], check=True, capture_output=True)
    return "".join(done.stdout.decode().split())


def shown(figure: str) -> str:
    return "".join(figure.split())


def test_every_figure_is_in_the_text(certificate: Certificate, tmp_path: Path) -> None:
    text = text_of(certificate_pdf("fuzemen", certificate, setting()), tmp_path)
    wanted = [TITLE, "通过", "Carried", "fuzemen", "m1", "不成立dismissed"]
    for clause in certificate.decision.clauses:
        value, base = amount(clause.measure, clause.value), amount(clause.measure, clause.base)
        wanted += [f"{value}/{base}={share(clause.value, clause.base)}"]
        wanted += [f"{clause.num}/{clause.den}"]
    for weights in (
        certificate.totals,
        certificate.tally.participating,
        certificate.tally.not_returned,
        *(option.cast for option in certificate.tally.options),
    ):
        wanted += [f"{area_m2(weights.area_dm2)}{weights.heads}{weights.lots}"]
    motion, publication = certificate.motion, certificate.motion.publication
    assert publication is not None
    assert motion.counted is not None
    wanted += list(publication.rule.legal_basis)
    wanted += [
        local_time(at, 480)
        for at in (
            publication.at,
            publication.opens_at,
            publication.closes_at,
            motion.counted.objections_until_at,
            certificate.at,
            *(one.at for one in certificate.objections),
        )
    ]
    wanted += [
        certificate_sha256(certificate),
        certificate.result_sha256,
        certificate.ballots_sha256,
        certificate.roll_id,
        certificate.tx_id,
    ]
    for sentence in rule_words(motion, publication.rule):
        wanted += [sentence.zh, sentence.en]
    assert [figure for figure in wanted if shown(figure) not in text] == []


def test_nobody_is_named(certificate: Certificate, tmp_path: Path) -> None:
    text = text_of(certificate_pdf("fuzemen", certificate, setting()), tmp_path)
    assert [one.holder_id for one in certificate.objections] == ["o2"]
    assert "o2" not in text


def test_the_same_certificate_gives_the_same_bytes(certificate: Certificate) -> None:
    first, again = (certificate_pdf("fuzemen", certificate, setting()) for _ in range(2))
    assert hashlib.sha256(first).digest() == hashlib.sha256(again).digest()
    other = certificate_pdf("fuzemen", changed(certificate, at=certificate.at + 60_000), setting())
    assert other != first


def test_a_lost_vote_and_unopened_ballots_are_said_in_words(
    certificate: Certificate, tmp_path: Path
) -> None:
    lost = changed(
        certificate,
        decision=changed(certificate.decision, outcome=Outcome.INQUORATE),
        objections=(),
        unopened=(UnopenedBallot(unit_id="1-1-1", reason=UnopenedReason.MISMATCH),),
    )
    text = text_of(certificate_pdf("fuzemen", lost, setting()), tmp_path)
    for words in ("参与表决未达法定要求", "Toofewtookpart", "1-1-1:与承诺值不符", "没有收到异议"):
        assert words in text


def test_the_code_leads_to_the_hashes(certificate: Certificate) -> None:
    made = Setting(font=None, verify_url=URL, offset_minutes=0)  # type: ignore[arg-type]
    link = verify_link(made, "fuzemen", certificate)
    assert link.startswith(f"{URL}?community=fuzemen&motion=m1&certificate=")
    assert certificate_sha256(certificate) in link
    assert certificate.ballots_sha256 in link


def test_the_rule_reads_like_the_rule(certificate: Certificate) -> None:
    publication = certificate.motion.publication
    assert publication is not None
    turnout, passing = rule_words(certificate.motion, publication.rule)
    assert turnout.zh == (
        "有效：参与表决的专有部分面积不少于全部的 2/3，且参与表决的业主人数不少于全部的 2/3。"
    )
    assert passing.en == (
        "Carried when more than 1/2 of the area taking part are in favour, "
        "and more than 1/2 of the owners taking part are in favour."
    )


def test_a_share_is_never_rounded_up() -> None:
    assert share(2, 3) == "66.66 %"
    assert share(1, 0) == "0.00 %"
    assert share(999_999, 1_000_000) == "99.99 %"
    assert amount(Measure.AREA, 123_456_705) == "1,234,567.05 m²"
    assert (offset_name(480), offset_name(-210)) == ("UTC+8", "UTC-3:30")
    assert local_time(1_790_000_000_000, 480) == "2026-09-21 22:13"


def test_a_font_that_is_not_there() -> None:
    with pytest.raises(Problem) as refused:
        find_font(Path("/nowhere/font.ttf"))
    assert (refused.value.status, refused.value.code) == (503, "certificate/no-font")


@pytest.mark.parametrize("url", ["", "ftp://x", "https://x/?a=1"])
def test_an_address_that_is_none(url: str) -> None:
    assert CertificateSection(verify_url=url).findings()


async def test_anybody_reads_it_once_the_result_is_final(tmp_path: Path) -> None:
    setting()
    async with desk(tmp_path, CertificateSection(verify_url=URL)) as at:
        await at.town.open_motion()
        early = await at.api.get("/motions/m1/certificate.pdf")
        assert early.status in (404, 409)
        await at.town.final()
        answer = await at.api.get("/motions/m1/certificate.pdf")
        body = await answer.read()
        assert (answer.status, answer.content_type) == (200, "application/pdf")
        assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
        known = {"If-None-Match": answer.headers["ETag"]}
        assert (await at.api.get("/motions/m1/certificate.pdf", headers=known)).status == 304


async def test_without_a_font_it_says_so(tmp_path: Path) -> None:
    section = CertificateSection(font_file=tmp_path / "none.ttf")
    async with desk(tmp_path, section) as at:
        answer = await at.api.get("/motions/m1/certificate.pdf")
        assert (answer.status, (await answer.json())["code"]) == (503, "certificate/no-font")
