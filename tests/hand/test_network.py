"""One story on a real network: gateway processes, a sandbox authority process, and only the hand.

Five owners are certified and seated, clerks are certified by their employers, a motion is put,
voted on and counted, minds are changed, proofs are seen, and the committee decides.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from gateway.identity.seal import make_key_file
from network.ca.server import CA_NAME, REGISTRAR, CaServer
from scripts.benchmarks.gateways import start_gateway
from scripts.clients import settings_text
from scripts.hand.certifying import Applicant
from scripts.hand.errors import Refused
from scripts.hand.gateways import JSON, Gateways
from scripts.hand.guides import SandboxGuide
from scripts.hand.person import Person
from tests.gateway.identity.test_rollfile import table
from tests.hand.desks import CLERK as SOMEBODY
from tests.hand.desks import CLERKS, COMPANY
from tests.support.community import DOCUMENT, without_reviews
from tests.support.network import CHANNEL, RunningNetwork, document, running_network
from tests.support.ports import free_port
from tests.support.readmodel import until
from tests.support.town import HASH, sha

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
ORGS = (Org.REGULATOR, Org.PROPERTY, Org.BANK)
OPERATOR_TOKEN = "an operator's token of this test only"
LEAD_MS, WINDOW_MS, YEAR_MS = 3_000, 40_000, 365 * 86_400_000
HALT_S = 30.0
OWNERS = tuple(
    Applicant(
        name=f"王{number}", id_no=f"41010219900101{number:04d}", phone=f"1380000{number:04d}",
        unit_id=f"1-1-{number}",
    )
    for number in range(1, 6)
)  # fmt: skip
ROLL = table(
    *(
        {
            "unit": owner.unit_id, "owner_name": owner.name, "owner_id_no": owner.id_no,
            "deed_no": f"Z-{owner.unit_id}",
        }
        for owner in OWNERS
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """The four-org network with the real contract."""
    written = document(("python", "-m", "chaincode"))
    with running_network(tmp_path_factory.mktemp("hand"), written) as running:
        yield running


@dataclass
class World:
    """The gateways by organisation, and the sandbox authority's folder."""

    folder: Path
    addresses: dict[Org, str]
    gateways: Gateways
    guide: SandboxGuide

    async def operator(self, org: Org, method: str, path: str, body: Any = None) -> Any:
        """What an organisation's operator does, who must be let do it."""
        headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
        return await self.asked(org, method, path, body, headers)

    async def asked(
        self, org: Org, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Any:
        answer = await self.gateways.ask(
            self.addresses[org],
            method,
            f"/v1/communities/{CHANNEL}{path}",
            body=None if body is None else json.dumps(body).encode(),
            headers={**headers, **({} if body is None else {"Content-Type": JSON})},
        )
        assert answer.status == 200, answer.body
        return answer.json()

    async def person(self, name: str, who: Applicant) -> Person:
        made = Person.create(self.folder / name)
        await made.certify(self.gateways, CHANNEL, who, self.guide)
        await until(lambda: self._is_known(made))
        return made

    async def _is_known(self, person: Person) -> bool:
        """Whether every organisation's peer has the credential by now."""
        try:
            for address in self.addresses.values():
                await person.log_in(self.gateways.only(address))
        except Refused as refused:
            if refused.code != "login/no-credential":
                raise
            return False
        return True


@asynccontextmanager
async def world(network: RunningNetwork, folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(_authority(folder))
        await _imported(folder)
        addresses = {}
        for org in ORGS:
            addresses[org] = await stack.enter_async_context(_gateway(network, folder, org))
        gateways = await stack.enter_async_context(Gateways(list(addresses.values())))
        guide = await stack.enter_async_context(SandboxGuide(sandbox))
        yield World(folder, addresses, gateways, guide)


@asynccontextmanager
async def _authority(folder: Path) -> AsyncIterator[Path]:
    """The sandbox authority as a process of its own."""
    data = folder / "authority"
    (folder / "roll.csv").write_bytes(ROLL)
    (folder / "clerks.csv").write_text(CLERKS, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway.identity.sandbox", "--data", str(data), "serve"),
        *("--roll", str(folder / "roll.csv"), "--clerks", str(folder / "clerks.csv")),
        cwd=ROOT,
    )
    try:
        await until((data / "sandbox.json").exists)
        yield data
    finally:
        process.terminate()
        async with asyncio.timeout(HALT_S):
            assert await process.wait() == 0


async def _imported(folder: Path) -> None:
    """The regulator's verb gives the owners their random ids."""
    make_key_file(_home(folder, Org.REGULATOR) / "identity.key")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scripts.cli", "roll", "import", str(folder / "roll.csv")),
        *("--community", CHANNEL, "--database", str(folder / "regulator" / "identity.db")),
        *("--key-file", str(folder / "regulator" / "identity.key")),
        *("--out", str(folder / "import.json")),
        cwd=ROOT,
    )
    assert await process.wait() == 0


@asynccontextmanager
async def _gateway(network: RunningNetwork, folder: Path, org: Org) -> AsyncIterator[str]:
    home, port = _home(folder, org), free_port()
    address = f"http://127.0.0.1:{port}"
    sections: dict[str, Any] = {
        "gateway": {"operator_token_file": _secret(home / "operator.token", OPERATOR_TOKEN)},
        "login": {"audience": address, "database": str(home / "doors.db")},
        "projection": {"database": str(home / "readmodel.db")},
        "clock": {"every_s": 1.0},
        "limits": {"address_per_s": 1_000.0, "address_burst": 1_000},
    }
    if org is not Org.BANK:
        sections["identity"] = _identity(network, folder, org)
    text = settings_text(network.network, org, port=port, sections=sections)
    (home / "gateway.toml").write_text(text, encoding="utf-8")
    process = await start_gateway(home / "gateway.toml", home / "log")
    try:
        yield address
    finally:
        assert await process.stop() == 0, (home / "log").read_text()[-2_000:]


def _identity(network: RunningNetwork, folder: Path, org: Org) -> dict[str, Any]:
    """The office of an organisation: its own CA, database and key, the one authority."""
    node, home = network.org(org).org.ca, _home(folder, org)
    server = CaServer(folder=node.folder, org=org, host=node.host, port=node.ports["listen"])
    if org is not Org.REGULATOR:
        make_key_file(home / "identity.key")
    return {
        "database": str(home / "identity.db"),
        "key_file": str(home / "identity.key"),
        "provider_url": json.loads((folder / "authority" / "sandbox.json").read_text())["url"],
        "provider_token_file": str(folder / "authority" / "gateway.token"),
        "ca_url": server.url,
        "ca_name": CA_NAME,
        "ca_tls_root_file": str(server.tls_root_file),
        "ca_registrar": REGISTRAR,
        "ca_registrar_secret_file": str(server.folder / "registrar.secret"),
    }


def _home(folder: Path, org: Org) -> Path:
    home = folder / org
    home.mkdir(exist_ok=True)
    return home


def _secret(file: Path, text: str) -> str:
    file.touch(0o600)
    file.write_text(text)
    return str(file)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- The story ---


async def test_owners_clerks_and_committee_act_by_their_own_hands(
    network: RunningNetwork, tmp_path: Path
) -> None:
    async with world(network, tmp_path) as at:
        await _founded(at)
        people = [await at.person(f"owner-{place}", who) for place, who in enumerate(OWNERS)]
        await _seated(at, people)
        await _clerks_do_their_part(at)
        await _votes(at, people)
        await _decides(at, people)


async def _founded(at: World) -> None:
    """What operators do before the first credential."""
    ready = json.loads((at.folder / "authority" / "sandbox.json").read_text())
    place, key = f"/providers/{ready['provider_id']}", {"public_key": ready["public_key"]}
    modules = {"channel": CHANNEL, "modules": ["voting", "funds"]}
    await at.operator(Org.REGULATOR, "PUT", "", modules)
    await at.operator(Org.REGULATOR, "PUT", place, {**key, "evidence_sha256": HASH})
    await until(lambda: _is_there(at, Org.BANK, place))
    await at.operator(Org.BANK, "POST", f"{place}/confirmation", key)
    request = json.loads((at.folder / "import.json").read_bytes())
    del request["community"]
    await at.operator(Org.REGULATOR, "POST", "/roll/imports", request)
    times = {"notice_ms": 0, "candidate_notice_ms": 0, "window_min_ms": 0, "objection_ms": 0}
    authority = {"initiators": ["committee", "petition", "regulator", "property"]}
    rule = without_reviews(times=times, authority=authority)
    await at.operator(Org.REGULATOR, "POST", "/rules", {"rule": rule})


async def _is_there(at: World, org: Org, path: str) -> bool:
    """Whether an organisation's peer has heard of what another one stated."""
    headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
    place = f"/v1/communities/{CHANNEL}{path}"
    answer = await at.gateways.ask(at.addresses[org], "GET", place, headers=headers)
    return answer.status == 200


async def _seated(at: World, people: list[Person]) -> None:
    sessions = [await person.log_in(at.gateways) for person in people]
    from_at = now_ms() - 1_000
    seats = {
        "members": [session.holder_id for session in sessions],
        "seat_count": len(people),
        "from_at": from_at,
        "until_at": from_at + YEAR_MS,
        "evidence_sha256": HASH,
    }
    await at.operator(Org.REGULATOR, "POST", "/committee", seats)


async def _clerk(at: World, org: Org, role: Role, company_id: str | None = None) -> Person:
    """Not certified before the employer's operator says so; after it, yes."""
    who = replace(SOMEBODY, role=role)
    with pytest.raises(Refused) as refused:
        await at.person(f"no-{role}", who)
    assert refused.value.code == "person/not-matched"
    entry = {"role": role, "name": who.name, "id_no": who.id_no, "company_id": company_id}
    await at.operator(org, "PUT", "/staff", entry)
    return await at.person(role, who)


async def _clerks_do_their_part(at: World) -> None:
    """The company's clerk drafts a motion; the regulator's clerk puts another to the vote."""
    company = await _clerk(at, Org.PROPERTY, Role.COMPANY_CLERK, COMPANY)
    content = {"title": "Paint the fence", "text": DOCUMENT, "matter_class": "ordinary"}
    draft = {"motion_id": "m0", "initiator": "property", "content": content}
    await company.send(at.gateways, "draft_motion", draft)
    with pytest.raises(Refused) as refused:
        await company.send(at.gateways, "sign_petition", {"motion_id": "m0"})
    assert refused.value.code == "caller/role"
    regulator = await _clerk(at, Org.REGULATOR, Role.REGULATOR_CLERK)
    own = at.gateways.only(at.addresses[Org.REGULATOR])
    headers = dict((await regulator.log_in(own)).headers)
    motion = {"content": {**content, "title": "Repair the gate"}}
    await at.asked(Org.REGULATOR, "PUT", "/motions/m1", motion, headers)
    opens_at = now_ms() + LEAD_MS
    notice = {"notice": DOCUMENT, "opens_at": opens_at, "closes_at": opens_at + WINDOW_MS}
    await at.asked(Org.REGULATOR, "POST", "/motions/m1/publication", notice, headers)


async def _votes(at: World, people: list[Person]) -> None:
    """All vote through changing gateways; one changes the mind; the count is checked by each."""
    first, *others = people

    async def is_open() -> bool:
        return bool((await first.read(at.gateways, "/motions/m1"))["phase"] == "open")

    await until(is_open)
    last = {}
    for place, person in enumerate(people):
        one = list(at.addresses.values())[place % len(ORGS)]
        last[place] = await person.send(
            at.gateways.only(one), "cast_ballot", _ballot(OWNERS[place], "for")
        )
    changed = await first.send(at.gateways, "cast_ballot", _ballot(OWNERS[0], "against"))
    proof = await first.proof(at.gateways, changed.nonce)
    assert proof.validity == "VALID"
    assert proof.block_number == changed.block_number
    assert [(one.is_this_act, one.earlier_count) for one in proof.ballots] == [(True, 1)]
    replaced = await first.proof(at.gateways, last[0].nonce)
    assert [one.is_this_act for one in replaced.ballots] == [False]

    async def is_counted() -> bool:
        (ballot,) = (await first.proof(at.gateways, changed.nonce)).ballots
        return ballot.counted is not None

    await until(is_counted)
    last[0] = changed
    for place, person in enumerate(people):
        proof = await person.proof(at.gateways, last[place].nonce)
        assert [one.tx_id for one in proof.witnesses] == [last[place].tx_id] * len(ORGS)
        (ballot,) = proof.ballots
        assert (ballot.counted, ballot.place, ballot.is_recounted) == (True, place + 1, True)
    with pytest.raises(Refused) as late:
        await others[0].send(at.gateways, "cast_ballot", _ballot(OWNERS[1], "against"))
    assert late.value.code == "motion/wrong-phase"


def _ballot(who: Applicant, choice: str) -> dict[str, Any]:
    return {"motion_id": "m1", "unit_ids": [who.unit_id], "choices": [choice]}


async def _decides(at: World, people: list[Person]) -> None:
    """Members open a question and approve; more than half carry it, and then nobody adds."""
    question = {
        "decision_id": "d1",
        "subject": "budget",
        "subject_id": "b1",
        "content_sha256": sha(5),
        "until_at": now_ms() + 3_600_000,
    }
    await people[0].send(at.gateways, "open_committee_decision", question)
    word = {"decision_id": "d1", "content_sha256": sha(5), "verdict": "approve"}
    with pytest.raises(Refused) as other:
        await people[0].send(
            at.gateways, "answer_committee_decision", {**word, "content_sha256": sha(6)}
        )
    assert other.value.code == "committee-decision/other-content"
    for person in people[:3]:
        await person.send(at.gateways, "answer_committee_decision", word)
    found = await people[4].read(at.gateways, "/committee-decisions/d1")
    assert found["phase"] == "carried"
    with pytest.raises(Refused) as late:
        await people[3].send(at.gateways, "answer_committee_decision", word)
    assert late.value.code == "committee-decision/not-open"
