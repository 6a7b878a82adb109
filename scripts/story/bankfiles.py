"""What the bank keeps of its customer: the directory of accounts and payees, and the salt.

The demo writes the bank's own file; hashes of it are all that the others learn.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaincode.model.base import Org
from chaincode.model.fund import FundKind
from gateway.bank.facts import Hasher
from gateway.bank.part import load_hasher
from gateway.bank.types import Party
from network.files import PRIVATE_FILE, private_folder, write_atomic
from scripts.story.places import Places

EVERY_S: Final = 1.0
SALT_BYTES: Final = 32
ASSEMBLY: Final = "福泽门小区业主大会"
BANK_CODE: Final = "102100099996"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFund:
    """A fund of the demo, and what lies on its account on the first day."""

    fund_id: str
    kind: FundKind
    account: str
    opening_fen: int
    company_rate_bp: int = 0


MAINTENANCE: Final = DemoFund(
    fund_id="maintenance",
    kind=FundKind.MAINTENANCE,
    account="62220000000001",
    opening_fen=199_454_000,  # 20 yuan for each of the 99,727.00 m2
)
COMMON_INCOME: Final = DemoFund(
    fund_id="common-income",
    kind=FundKind.COMMON_INCOME,
    account="62220000000002",
    opening_fen=0,
)
PROPERTY_FEE: Final = DemoFund(
    fund_id="property-fee",
    kind=FundKind.PROPERTY_FEE,
    account="62220000000003",
    opening_fen=0,
    company_rate_bp=10_000,  # contract system (包干制), until owners decide otherwise
)
FUNDS: Final = (MAINTENANCE, COMMON_INCOME, PROPERTY_FEE)
PAYEE_ID: Final = "gate-works"
PAYEE_CLASS: Final = "repair"
PAYEE: Final = Party(name="郑州门禁维修有限公司", account="62330000000002", bank="105100000017")


def bank_settings(places: Places, community: str) -> dict[str, Any]:
    """The section `[bank]` of the bank's gateway; makes the files that it names.

    The directory names nobody until the bank opens the community's accounts.
    """
    folder = private_folder(places.gateway(Org.BANK))
    directory, salt = folder / "directory.toml", folder / "salt"
    if not salt.exists():
        write_atomic(salt, secrets.token_hex(SALT_BYTES).encode(), PRIVATE_FILE)
    if not directory.exists():
        write_atomic(directory, b"", PRIVATE_FILE)
    return {
        "directory_file": str(directory),
        "salt_file": str(salt),
        "journal_folder": "journals",
        "exchange_folder": str(exchange_folder(places, community).parent),
        "every_s": EVERY_S,
    }


def name_customer(places: Places, community: str) -> None:
    """The bank enters the community, its accounts and its payee into the directory."""
    directory = places.gateway(Org.BANK) / "directory.toml"
    write_atomic(directory, _directory(community).encode(), PRIVATE_FILE)


def exchange_folder(places: Places, community: str) -> Path:
    """Where the bank's gateway and the sandbox bank leave messages for each other."""
    return private_folder(places.root / "exchange" / community)


def hasher(places: Places) -> Hasher:
    """The hashes under which the ledger knows accounts and payees: the bank's to make."""
    return load_hasher(places.gateway(Org.BANK) / "salt")


def _directory(community: str) -> str:
    accounts = ", ".join(
        f"{{number = {json.dumps(fund.account)}, bank = {json.dumps(BANK_CODE)},"
        f" opening_fen = {fund.opening_fen}}}"
        for fund in FUNDS
    )
    payee = {"payee_id": PAYEE_ID, "name": PAYEE.name, "account": PAYEE.account, "bank": PAYEE.bank}
    fields = ", ".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in payee.items()
    )
    return (
        f"[{community}]\nname = {json.dumps(ASSEMBLY, ensure_ascii=False)}\n"
        f"accounts = [{accounts}]\npayees = [{{{fields}}}]\n"
    )
