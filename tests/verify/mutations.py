"""Seeded changes of an archive, and whether each is found: `python -m tests.verify.mutations`.

Each change is made by somebody: OUTSIDER has no key; ORDERERS chain and sign the blocks anew, all
of them; EVERYBODY also signs as clients and endorsers, so that only what is worked out again can
find it (of their findings, those of hashes and of the replayed state do not count).
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fabric_protos.common import common_pb2

from tests.verify.finding import By, Change, missed
from tests.verify.forger import CONTRACT, Forger, Parts, take_apart
from tests.verify.verifier import Archive, verifier

FEN = re.compile(rb'"(?:[a-z_]*_)?(?:fen|bank|free|budgeted|held)":(\d+)')
BATCH = 500
FIGURE = re.compile(
    rb'"((?:[a-z_]*_)?(?:fen|bank|free|budgeted|held|company|suspense|dm2|heads|lots|count|num|den'
    rb'|required|version|sequence|basis_points|rank|call|term|value|base|left|right))":(\d+)'
)
AREA = re.compile(rb'"area_dm2":(\d+)')

Edit = Callable[[Parts, random.Random], bool]
"""Changes a transaction's parts; false if there is nothing of the kind in it."""


class Changer:
    """Makes changes of one archive."""

    def __init__(self, archive: Archive, forger: Forger) -> None:
        self.archive = archive
        self.forger = forger
        self.places = [
            (number, index)
            for number, data in enumerate(archive.blocks)
            for index, envelope in enumerate(common_pb2.Block.FromString(data).data.data)
            if is_contract(envelope)
        ]
        self.valid = [
            (number, index)
            for number, index in self.places
            if not self.block(number).metadata.metadata[2][index]
        ]
        self.casting = [
            (number, index)
            for number, index in self.valid
            if _motions_cast_for(take_apart(self.block(number).data.data[index]))
        ]
        self.crowded = [n for n in range(archive.height) if len(self.block(n).data.data) > 1]
        self.whole = archive.to_bytes()
        self.closings = _closings(archive)

    # --- Whole blocks and transactions ---

    def drop_block(self, rng: random.Random, by: By) -> Change | None:
        blocks = list(self.archive.blocks)
        number = rng.randrange(1, len(blocks) - (by is not By.OUTSIDER))
        del blocks[number]
        return self._made("drop block", by, f"{number}", blocks, number)

    def add_block(self, rng: random.Random, by: By) -> Change | None:
        blocks = list(self.archive.blocks)
        number, source = rng.randrange(1, len(blocks)), rng.randrange(1, len(blocks))
        blocks.insert(number, self.archive.blocks[source])
        return self._made("add block", by, f"{source} at {number}", blocks, number)

    def swap_blocks(self, rng: random.Random, by: By) -> Change | None:
        blocks = list(self.archive.blocks)
        one, other = sorted(rng.sample(range(1, len(blocks)), 2))
        blocks[one], blocks[other] = blocks[other], blocks[one]
        return self._made("swap blocks", by, f"{one} and {other}", blocks, one)

    def drop_transaction(self, rng: random.Random, by: By) -> Change | None:
        number, index = rng.choice(self.places)
        block = self.block(number)
        del block.data.data[index]
        marks = bytearray(block.metadata.metadata[2])
        del marks[index]
        return self._replaced("drop transaction", by, f"{number}/{index}", number, block, marks)

    def add_transaction(self, rng: random.Random, by: By) -> Change | None:
        (number, index), (source, copied) = rng.choice(self.places), rng.choice(self.places)
        block = self.block(number)
        block.data.data.insert(index, self.block(source).data.data[copied])
        marks = bytearray(block.metadata.metadata[2])
        marks.insert(index, 0)
        what = f"{source}/{copied} at {number}/{index}"
        return self._replaced("add transaction", by, what, number, block, marks)

    def reorder(self, rng: random.Random, by: By) -> Change | None:
        number = rng.choice(self.crowded)
        block = self.block(number)
        before = list(block.data.data)
        marked = list(zip(before, block.metadata.metadata[2], strict=True))
        rng.shuffle(marked)
        if [one for one, _ in marked] == before:
            return None
        del block.data.data[:]
        block.data.data.extend(one for one, _ in marked)
        marks = bytes(mark for _, mark in marked)
        return self._replaced("reorder transactions", by, f"{number}", number, block, marks)

    def flip_bit(self, rng: random.Random, by: By) -> Change | None:
        """Anywhere in the file; or, with the orderers' help, in a block's transactions."""
        if by is By.OUTSIDER:
            return self._flip_anywhere(rng)
        number, index = rng.choice(self.places)
        block = self.block(number)
        data = bytearray(block.data.data[index])
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        block.data.data[index] = bytes(data)
        return self._replaced("flip a bit", by, f"{number}/{index} byte {place}", number, block)

    def _flip_anywhere(self, rng: random.Random) -> Change | None:
        data = bytearray(self.whole)
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        what = f"byte {place} of the file"
        try:
            changed = verifier.read_archive(bytes(data))
        except verifier.NotAnArchive:
            changed = verifier.Archive("", 0, "", ())
        pairs = zip(changed.blocks, self.archive.blocks, strict=False)
        same = min(len(changed.blocks), len(self.archive.blocks))
        first = next((n for n, (one, other) in enumerate(pairs) if one != other), same)
        return Change("flip a bit", By.OUTSIDER, what, first, changed.blocks[first:], changed)

    # --- What transactions say ---

    def area(self, rng: random.Random, by: By) -> Change | None:
        return self._edited("one area unit more", by, rng, lambda p, r: _add_one(p, r, AREA))

    def amount(self, rng: random.Random, by: By) -> Change | None:
        return self._edited("changed amount", by, rng, lambda p, r: _add_one(p, r, FEN))

    def late_ballot(self, rng: random.Random, by: By) -> Change | None:
        return self._edited("late ballot", by, rng, self.make_late)

    def no_endorsement(self, rng: random.Random, by: By) -> Change | None:
        return self._edited("removed endorsement", by, rng, _drop_endorser)

    def replayed_act(self, rng: random.Random, by: By) -> Change | None:
        """The acts of one transaction carried again by a later one, as if they were new."""
        number, index = rng.choice(self.casting)
        later = rng.choice([n for n, _ in self.places if n > number] or [number])
        data = self.forger.changed(
            self.block(number).data.data[index], lambda parts: _renew(parts, rng)
        )
        block = self.block(later)
        block.data.data.append(data)
        marks = block.metadata.metadata[2] + b"\0"
        what = f"{number}/{index} in {later}"
        return self._replaced("replayed act", by, what, later, block, marks)

    def _edited(self, kind: str, by: By, rng: random.Random, edit: Edit) -> Change | None:
        number, index = rng.choice(self.valid)
        block = self.block(number)
        parts = take_apart(block.data.data[index])
        if not edit(parts, rng):
            return None
        is_all = by is By.EVERYBODY
        gone = kind == "removed endorsement"
        data = self.forger.assembled(parts, endorse=is_all or gone, sign=is_all or gone)
        block.data.data[index] = data
        return self._replaced(kind, by, f"{number}/{index} {parts.note}", number, block)

    def figure(self, number: int, index: int, place: int, span: tuple[int, int]) -> Change:
        """One more of the figure at a place of a write."""
        block = self.block(number)
        parts = take_apart(block.data.data[index])
        write = parts.writes[place]
        begin, end = span
        more = str(int(write.value[begin:end]) + 1).encode()
        write.value = write.value[:begin] + more + write.value[end:]
        block.data.data[index] = self.forger.assembled(parts)
        what = f"{number}/{index} {write.key} byte {begin}"
        return self._replaced("figure", By.EVERYBODY, what, number, block)

    def make_late(self, parts: Parts, rng: random.Random | None) -> bool:
        """The whole transaction was made after the window, and says so everywhere."""
        del rng
        motions = _motions_cast_for(parts)
        ends = [self.closings[motion] for motion in motions if motion in self.closings]
        if not ends:
            return False
        stamp = parts.header.timestamp
        before = stamp.seconds * 1000 + stamp.nanos // 1_000_000
        after = max(ends) + 1
        stamp.seconds, stamp.nanos = after // 1000, after % 1000 * 1_000_000
        for write in parts.writes:
            write.value = write.value.replace(str(before).encode(), str(after).encode())
        return True

    # --- Putting it together ---

    def block(self, number: int) -> Any:
        """A block of the archive, to be changed."""
        return common_pb2.Block.FromString(self.archive.blocks[number])

    def _replaced(
        self, kind: str, by: By, what: str, number: int, block: Any, marks: bytes | None = None
    ) -> Change:
        """One block in place of another, with other marks of its transactions if given."""
        if marks is not None:
            block.metadata.metadata[2] = bytes(marks)
        blocks = list(self.archive.blocks)
        blocks[number] = block.SerializeToString(deterministic=True)
        return self._made(kind, by, what, blocks, number)

    def _made(self, kind: str, by: By, what: str, blocks: list[bytes], first: int) -> Change:
        if by is By.OUTSIDER:
            return Change(kind, by, what, first, blocks[first:], self.archive)
        resealing = self.forger.resealing(self.archive, blocks, first)
        return Change(kind, by, what, first, resealing, None)


def every_figure(changer: Changer) -> list[Change]:
    """One more of each figure of each kind of record, for each call or act that writes it: once,
    with everybody's help."""
    seen: set[tuple[str, str, bytes]] = set()
    made: list[Change] = []
    for number, index in changer.valid:
        envelope = changer.block(number).data.data[index]
        for place, write in enumerate(take_apart(envelope).writes):
            for hit in FIGURE.finditer(write.value):
                kind = (calls(take_apart(envelope)), write.key.split("/")[1], hit[1])
                if kind not in seen:
                    seen.add(kind)
                    made.append(changer.figure(number, index, place, hit.span(2)))
    return made


def calls(parts: Parts) -> str:
    """The function, or the acts, of a transaction."""
    function = str(parts.args[0].decode())
    if function != "submit_acts":
        return function
    acts = (verifier.strict_json(verifier.b64(act.split(b".")[1])) for act in parts.args[2:])
    return " ".join(sorted({act["act"] for act in acts}))


KINDS: tuple[tuple[str, tuple[By, ...]], ...] = (
    ("drop_block", (By.OUTSIDER, By.ORDERERS)),
    ("add_block", (By.OUTSIDER, By.ORDERERS)),
    ("swap_blocks", (By.OUTSIDER, By.ORDERERS)),
    ("drop_transaction", (By.OUTSIDER, By.ORDERERS)),
    ("add_transaction", (By.OUTSIDER, By.ORDERERS)),
    ("reorder", (By.OUTSIDER, By.ORDERERS)),
    ("flip_bit", (By.OUTSIDER, By.ORDERERS)),
    ("area", tuple(By)),
    ("amount", tuple(By)),
    ("late_ballot", tuple(By)),
    ("no_endorsement", (By.OUTSIDER, By.ORDERERS)),
    ("replayed_act", tuple(By)),
)


def changes(
    changer: Changer, seed: int, count: int, kinds: Sequence[str] = tuple(dict(KINDS))
) -> list[Change]:
    """So many changes, each kind and culprit in turn."""
    rng = random.Random(seed)
    ways = [(name, by) for name, culprits in KINDS for by in culprits if name in kinds]
    found: list[Change] = []
    while len(found) < count:
        name, by = ways[len(found) % len(ways)]
        change = getattr(changer, name)(rng, by)
        if change is not None:
            found.append(change)
    return found


def is_contract(envelope: bytes) -> bool:
    """Whether a transaction calls the contract and writes."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    if header.type != common_pb2.ENDORSER_TRANSACTION:
        return False
    parts = take_apart(envelope)
    return CONTRACT in parts.rwset and len(parts.writes) > 0


def _closings(archive: Archive) -> dict[str, int]:
    """When the window of each motion ends, by the community's key of the motion."""
    report = verifier.Report()
    judge = verifier.Judge(report, archive.channel)
    chain = verifier.Chain(report, archive.channel, judge)
    for block in archive.blocks:
        chain.take(block)
    assert not report.findings, report.findings[0]
    return {
        f"{community}/motion/{name}": verifier.closes_at(motion)
        for community in judge.records.communities()
        for name, motion in judge.records.below(f"{community}/motion").items()
        if motion["publication"]
    }


def _motions_cast_for(parts: Parts) -> set[str]:
    keys = [write.key.split("/") for write in parts.writes]
    return {f"{key[0]}/motion/{key[2]}" for key in keys if key[1] == "ballot"}


def _add_one(parts: Parts, rng: random.Random, pattern: re.Pattern[bytes]) -> bool:
    hits = [(write, hit) for write in parts.writes for hit in pattern.finditer(write.value)]
    if not hits:
        return False
    write, hit = rng.choice(hits)
    more = str(int(hit[1]) + 1).encode()
    parts.note = f"{write.key} {hit[0].decode()}"
    write.value = write.value[: hit.start(1)] + more + write.value[hit.end(1) :]
    return True


def _drop_endorser(parts: Parts, rng: random.Random) -> bool:
    del parts.endorsers[rng.randrange(len(parts.endorsers))]
    return True


def _renew(parts: Parts, rng: random.Random) -> None:
    """The same call under another transaction id; what it had read is left out."""
    before = parts.header.tx_id
    parts.signature.nonce = rng.randbytes(24)
    identity = parts.signature.nonce + parts.signature.creator
    after = verifier.sha256(identity).hex()
    for write in parts.writes:
        write.value = write.value.replace(before.encode(), after.encode())
    answer = parts.action.response.payload.replace(before.encode(), after.encode())
    parts.action.response.payload = answer
    del parts.rwset[CONTRACT].reads[:]
    del parts.rwset[CONTRACT].range_queries_info[:]


def main() -> int:
    """Make changes of an archive and say how many of each kind were found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("home", type=Path, help="the network's home, for its keys")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=278)
    parser.add_argument("--figures", action="store_true", help="every kind of figure, once")
    parser.add_argument("--kinds", nargs="*", default=[name for name, _ in KINDS])
    args = parser.parse_args()
    archive = verifier.read_archive(args.archive.read_bytes())
    changer = Changer(archive, Forger.of(args.home))
    if args.figures:
        made = every_figure(changer)
        told = {"made": len(made), "missed": [change.what for change in missed(archive, made)]}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return int(bool(told["missed"]))
    rng = random.Random(args.seed)
    kinds: Counter[str] = Counter()
    unfound: list[str] = []
    made_count = 0
    while made_count < args.count:
        made = changes(
            changer, rng.randrange(2**32), min(BATCH, args.count - made_count), args.kinds
        )
        made_count += len(made)
        kinds.update(f"{change.kind} by {change.by}" for change in made)
        sys.stderr.write(f"{made_count} changes\n")
        unfound += [f"{one.kind} by {one.by}: {one.what}" for one in missed(archive, made)]
    told = {"made": made_count, "kinds": dict(sorted(kinds.items())), "missed": unfound}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return int(bool(unfound))


if __name__ == "__main__":
    raise SystemExit(main())
