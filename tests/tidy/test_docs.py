"""What the documents list is what the code has."""

import re

import pytest

from chaincode.access import ACCESS, BY_NAME, Kind
from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.contract.registry import HANDLERS
from scripts import spec
from tests.tidy.source import ROOT, files

CODES = spec.refusal_codes()


def test_the_specification_is_written_anew() -> None:
    page = spec.PAGE.read_text(encoding="utf-8")
    assert page == spec.rewrite(page), "run: .venv/bin/python -m scripts.spec"


def test_every_row_of_the_access_table_has_its_function_and_the_other_way_round() -> None:
    assert len(BY_NAME) == len(ACCESS)
    assert set(HANDLERS) == set(BY_NAME) - {"submit_acts"}
    for name, handler in HANDLERS.items():
        base = ActBody if BY_NAME[name].kind is Kind.ACT else Request
        assert issubclass(handler.request, base), name


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"submit_acts"}))
def test_every_call_that_can_be_refused_says_when(name: str) -> None:
    doc = HANDLERS[name].run.__doc__ or ""
    assert doc, name
    if BY_NAME[name].kind is not Kind.QUERY:
        assert re.search(r"[Rr]efused", doc), name


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_refusal_code_is_tested(code: str) -> None:
    assert any(code in path.read_text(encoding="utf-8") for path in files("tests"))


def test_a_code_has_one_status() -> None:
    assert all(status in range(400, 423) for status, _ in CODES.values())


def test_nothing_names_an_index_or_a_machine() -> None:
    forbidden = re.compile(r"pypi\.org|pythonhosted|proxy\.golang|/work/main|npmjs", re.I)
    for pattern in ("*.md", "*.toml", "locks/*", "scripts/*", "network/**/*.yaml"):
        for path in ROOT.glob(pattern):
            if path.is_file():
                assert not forbidden.search(path.read_text(encoding="utf-8")), path
