"""Mutated and hostile messages: refused with code and element, never anything untyped."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bank import limits
from gateway.bank.errors import REFUSAL_CODES, MessageRefused
from gateway.bank.inbound import read_message
from gateway.bank.xmlguard import parse_guarded
from tests.support import bank_messages as good
from tests.support.bank import OWN
from tests.support.bank_messages import sent_orders

STATEMENT = good.statement().decode()
NOTICE = good.notice().decode()
REPORT = good.report("PART", (2, "RJCT", "AM04")).decode()


def refused(data: bytes) -> MessageRefused:
    with pytest.raises(MessageRefused) as caught:
        read_message(data, {OWN}, sent_orders)
    assert caught.value.code in REFUSAL_CODES
    return caught.value


def entity_bomb() -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    return f"<!DOCTYPE d [{entities}]><Document>&e9;</Document>".encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "xml/malformed"),
        (b"not xml", "xml/malformed"),
        (b"<a><b></a>", "xml/malformed"),
        (b"<a>&#0;</a>", "xml/malformed"),
        (entity_bomb(), "xml/forbidden"),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>', "xml/forbidden"),
        (b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>', "xml/forbidden"),
        (b"<!DOCTYPE d><d/>", "xml/forbidden"),
        (b"<d><?php x?></d>", "xml/forbidden"),
        (STATEMENT.encode("utf-16"), "xml/encoding"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><d/>', "xml/encoding"),
        ("<d>门</d>".encode("gbk"), "xml/encoding"),
        (b"<a>" * (limits.XML_DEPTH_MAX + 1), "xml/too-deep"),
        (b"<a>" + b"<b/>" * limits.XML_ELEMENT_COUNT_MAX + b"</a>", "xml/too-many-elements"),
        (b"<a>" + b" " * limits.MESSAGE_BYTES_MAX + b"</a>", "xml/too-large"),
        (b"<Document/>", "xml/namespace"),
        (STATEMENT.replace("camt.053.001.08", "camt.053.001.09").encode(), "xml/namespace"),
        (STATEMENT.replace("Document", "Dokument").encode(), "xml/namespace"),
    ],
)
def test_hostile_xml(data: bytes, code: str) -> None:
    assert refused(data).code == code


def test_the_limits_themselves_are_allowed() -> None:
    depth = limits.XML_DEPTH_MAX
    parse_guarded(b"<a>" * depth + b"</a>" * depth)
    parse_guarded(b"<a>" + b"<b/>" * (limits.XML_ELEMENT_COUNT_MAX - 1) + b"</a>")
    parse_guarded(b"<a>" + b" " * (limits.MESSAGE_BYTES_MAX - 7) + b"</a>")
    parse_guarded(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><!-- c --><a/>")


STMT = "BkToCstmrStmt/Stmt"
NTFCTN = "BkToCstmrDbtCdtNtfctn/Ntfctn"
RPT = "CstmrPmtStsRpt"
VAL_DT = "<ValDt><Dt>2026-01-03</Dt></ValDt>"
AMT = '<Amt Ccy="CNY">8500.00</Amt>'
BAL = f"<Bal>{STATEMENT.partition('<Bal>')[2].partition('</Bal>')[0]}</Bal>"
NTRY = f"<Ntry>{NOTICE.partition('<Ntry>')[2].partition('</Ntry>')[0]}</Ntry>"


@pytest.mark.parametrize(
    ("message", "old", "new", "code", "path"),
    [
        # the schema
        (STATEMENT, AMT, '<Amt Ccy="CNY">8.5E3</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">8_500.00</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">８５００</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">-8500.00</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">NaN</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">x</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY"></Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">8500.000001</Amt>', "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, "<Amt>8500.00</Amt>", "xml/schema", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, AMT * 2, "xml/schema", f"{STMT}/Ntry/Amt[2]"),
        (STATEMENT, AMT, "", "xml/schema", f"{STMT}/Ntry"),
        (STATEMENT, "<Ntry>", '<Ntry x="1">', "xml/schema", f"{STMT}/Ntry"),
        (STATEMENT, "<Ntry>", "<Ntry>8500", "xml/schema", f"{STMT}/Ntry"),
        (STATEMENT, "<Sts>", "<Sts><Prtry>x</Prtry>", "xml/schema", f"{STMT}/Ntry/Sts/Prtry"),
        (STATEMENT, "2026-01-03", "2026-02-30", "xml/schema", f"{STMT}/Ntry/ValDt/Dt"),
        (STATEMENT, "2026-01-03", "", "xml/schema", f"{STMT}/Ntry/ValDt/Dt"),
        (STATEMENT, "<ElctrncSeqNb>1<", "<ElctrncSeqNb><", "xml/schema", f"{STMT}/ElctrncSeqNb"),
        (STATEMENT, ">DBIT<", ">DEBT<", "xml/schema", f"{STMT}/Ntry/CdtDbtInd"),
        (STATEMENT, ">BK1<", f">{'B' * 36}<", "xml/schema", f"{STMT}/Ntry/AcctSvcrRef"),
        (STATEMENT, ">pay-1<", f">{'p' * 36}<", "xml/schema", None),
        (STATEMENT, ">pay-1<", "><", "xml/schema", None),
        (STATEMENT, "<Ntry>", "<Foo/><Ntry>", "xml/schema", f"{STMT}/Foo"),
        # statements
        (STATEMENT, AMT, '<Amt Ccy="EUR">8500.00</Amt>', "camt.053/currency", None),
        (STATEMENT, AMT, '<Amt Ccy="CNY">8500.001</Amt>', "camt.053/amount", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">0</Amt>', "camt.053/amount", f"{STMT}/Ntry/Amt"),
        (STATEMENT, AMT, '<Amt Ccy="CNY">10000000000000</Amt>', "camt.053/amount", None),
        (STATEMENT, OWN, "9999", "camt.053/account", f"{STMT}/Acct/Id"),
        (STATEMENT, ">BOOK<", ">PDNG<", "camt.053/status", f"{STMT}/Ntry/Sts"),
        (STATEMENT, ">BK1<", "> <", "camt.053/reference", f"{STMT}/Ntry/AcctSvcrRef"),
        (STATEMENT, "<AcctSvcrRef>BK1</AcctSvcrRef>", "", "camt.053/reference", None),
        (STATEMENT, ">BK2<", ">BK1<", "camt.053/duplicate", f"{STMT}/Ntry[2]"),
        (
            STATEMENT,
            "<ValDt><Dt>2026-01-03</Dt></ValDt>",
            "",
            "camt.053/date",
            f"{STMT}/Ntry/ValDt",
        ),
        (STATEMENT, ">OPBD<", ">OPAV<", "camt.053/balance-missing", f"{STMT}/Bal"),
        (STATEMENT, ">CLBD<", ">OPBD<", "camt.053/balance-missing", f"{STMT}/Bal"),
        (STATEMENT, BAL, BAL * 2, "camt.053/balance-missing", f"{STMT}/Bal"),
        (STATEMENT, ">10000.00<", ">10000.01<", "camt.053/balance", f"{STMT}/Bal"),
        (STATEMENT, ">CRDT<", ">DBIT<", "camt.053/balance", f"{STMT}/Bal"),
        (STATEMENT, "<Dt>2026-01-02</Dt>", "<Dt>2026-01-04</Dt>", "camt.053/date", f"{STMT}/Bal"),
        (STATEMENT, "<ElctrncSeqNb>1</ElctrncSeqNb>", "", "camt.053/sequence", None),
        (STATEMENT, "<ElctrncSeqNb>1<", "<ElctrncSeqNb>0<", "camt.053/sequence", None),
        (
            STATEMENT,
            "<ElctrncSeqNb>",
            "<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn><ElctrncSeqNb>",
            "camt.053/pages",
            f"{STMT}/StmtPgntn",
        ),
        (
            STATEMENT,
            "<Ntry>",
            "<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries></TxsSummry><Ntry>",
            "camt.053/summary",
            f"{STMT}/TxsSummry/TtlNtries/NbOfNtries",
        ),
        (
            STATEMENT,
            "<Ntry>",
            "<TxsSummry><TtlCdtNtries><Sum>300.02</Sum></TtlCdtNtries></TxsSummry><Ntry>",
            "camt.053/summary",
            f"{STMT}/TxsSummry/TtlCdtNtries/Sum",
        ),
        (STATEMENT, '"CNY">300.00', '"CNY">300.01', "camt.053/details", f"{STMT}/Ntry[2]/NtryDtls"),
        # notices
        (NOTICE, '"CNY">300.00', '"CNY">300.01', "camt.054/details", f"{NTFCTN}/Ntry/NtryDtls"),
        (NOTICE, '<Amt Ccy="CNY">0.01</Amt>', "", "camt.054/details", None),
        (NOTICE, "<TxDtls>", "<Btch><NbOfTxs>3</NbOfTxs></Btch><TxDtls>", "camt.054/details", None),
        (NOTICE, '"CNY">0.01', '"USD">0.01', "camt.054/currency", None),
        (NOTICE, ">300.01<", ">300.011<", "camt.054/amount", f"{NTFCTN}/Ntry/Amt"),
        (NOTICE, OWN, "1", "camt.054/account", f"{NTFCTN}/Acct/Id"),
        (NOTICE, ">BOOK<", ">INFO<", "camt.054/status", f"{NTFCTN}/Ntry/Sts"),
        (NOTICE, "<AcctSvcrRef>BK2</AcctSvcrRef>", "", "camt.054/reference", None),
        (NOTICE, "<BookgDt><Dt>2026-01-02</Dt></BookgDt>", "", "camt.054/date", None),
        (NOTICE, NTRY, NTRY * 2, "camt.054/duplicate", f"{NTFCTN}/Ntry[2]"),
        (
            NOTICE,
            "</GrpHdr>",
            "<MsgPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></MsgPgntn></GrpHdr>",
            "camt.054/pages",
            "BkToCstmrDbtCdtNtfctn/GrpHdr/MsgPgntn",
        ),
        # reports
        (REPORT, ">order-2<", ">order-1<", "pain.002/unknown-order", None),
        (REPORT, ".000<", ".001<", "pain.002/unknown-order", None),
        (REPORT, "pain.001.001.10<", "pain.001.001.03<", "pain.002/unknown-message", None),
        (REPORT, "<GrpSts>", "<OrgnlNbOfTxs>4</OrgnlNbOfTxs><GrpSts>", "pain.002/amount", None),
        (REPORT, "<GrpSts>", "<OrgnlCtrlSum>1</OrgnlCtrlSum><GrpSts>", "pain.002/amount", None),
        (
            REPORT,
            "</TxInfAndSts>",
            '<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">0.02</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>',
            "pain.002/amount",
            f"{RPT}/OrgnlPmtInfAndSts/TxInfAndSts/OrgnlTxRef/Amt/InstdAmt",
        ),
        (
            REPORT,
            "</TxInfAndSts>",
            '<OrgnlTxRef><Amt><InstdAmt Ccy="USD">0.01</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>',
            "pain.002/currency",
            f"{RPT}/OrgnlPmtInfAndSts/TxInfAndSts/OrgnlTxRef/Amt/InstdAmt/@Ccy",
        ),
    ],
)
def test_mutations(message: str, old: str, new: str, code: str, path: str | None) -> None:
    assert old in message
    refusal = refused(message.replace(old, new, 1).encode())
    assert refusal.code == code
    assert path is None or refusal.path == path
    assert refusal.reason


def test_two_statements_of_one_number_in_a_message_are_refused() -> None:
    body = STATEMENT.partition("<Stmt>")[2].rpartition("</Stmt>")[0]
    twice = STATEMENT.replace("</Stmt>", f"</Stmt><Stmt>{body}</Stmt>")
    assert refused(twice.encode()).code == "camt.053/duplicate"


def test_a_reason_quotes_no_value() -> None:
    refusal = refused(STATEMENT.replace(">DBIT<", ">张三<", 1).encode())
    assert "张三" not in str(refusal)


TAGS = re.compile(rb"<[^>]*>|[^<>]+")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([STATEMENT, NOTICE, REPORT]), st.data())
def test_any_mutation_is_read_or_refused(message: str, data: st.DataObject) -> None:
    """Dropping, doubling, swapping or altering pieces never escapes the typed refusal."""
    pieces = TAGS.findall(message.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        other = data.draw(st.integers(0, len(pieces) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "text", "byte"])):
            case "drop":
                pieces[at] = b""
            case "double":
                pieces[at] *= 2
            case "swap":
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "text":
                pieces[at] = data.draw(st.text(max_size=8)).encode()
            case _:
                cut = data.draw(st.integers(0, len(pieces[at])))
                pieces[at] = pieces[at][:cut] + data.draw(st.binary(max_size=2)) + pieces[at][cut:]
    with contextlib.suppress(MessageRefused):
        read_message(b"".join(pieces), {OWN}, sent_orders)
