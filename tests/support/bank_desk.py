"""The bank's part of a gateway, its files, and the sandbox bank at its other end."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chaincode.model.base import Org
from gateway.bank.part import PART, BankSection
from gateway.bank.types import Party
from gateway.ledger import Ledger
from tests.support.api import Api, core_parts, serving
from tests.support.bank import CREDITOR, DEBTOR, OPENING_FEN, Sandbox
from tests.support.community import Commons

SALT = b"a salt of the bank"
"""Of `tests.scenarios.money.HASHER`."""


def directory_text(
    communities: Sequence[str], payees: Mapping[str, Party] = {"locksmith": CREDITOR}
) -> str:
    """A directory with the assembly's account in the first of the communities."""
    found = []
    for number, community in enumerate(communities):
        account = DEBTOR.account if number == 0 else f"{DEBTOR.account[:-3]}{900 + number}"
        found.append(
            f"[{community}]\nname = {json.dumps(DEBTOR.name, ensure_ascii=False)}\n"
            f'accounts = [{{number = "{account}", bank = "{DEBTOR.bank}",'
            f" opening_fen = {OPENING_FEN}}}]\n"
        )
        found += [
            f"[[{community}.payees]]\npayee_id = {json.dumps(payee_id)}\n"
            f"name = {json.dumps(party.name, ensure_ascii=False)}\n"
            f'account = "{party.account}"\nbank = "{party.bank}"\n'
            for payee_id, party in payees.items()
        ]
    return "".join(found)


def secret(path: Path, content: str | bytes) -> Path:
    """A file that only its owner reads."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return path


def bank_settings(
    folder: Path, *communities: str, sandbox: Sandbox | None = None
) -> dict[str, Any]:
    """The fields of `[bank]`: over the sandbox's HTTP interface, or else over folders."""
    folder.mkdir(exist_ok=True)
    fields: dict[str, Any] = {
        "directory_file": secret(folder / "directory.toml", directory_text(communities)),
        "salt_file": secret(folder / "salt", SALT),
        "journal_folder": folder / "journals",
        "every_s": 0.05,
    }
    if sandbox is None:
        return {**fields, "exchange_folder": folder / "exchange"}
    return {
        **fields,
        "url": sandbox.url,
        "token_file": secret(folder / "bank.token", sandbox.customer_token),
    }


@asynccontextmanager
async def bank_gateway(town: Commons, ledger: Ledger, section: BankSection) -> AsyncIterator[Api]:
    """The bank's gateway with nothing but its ledger and its bank."""
    parts = [*core_parts(), PART]
    async with serving(town, ledger, section, org=Org.BANK, parts=parts) as api:
        yield api
