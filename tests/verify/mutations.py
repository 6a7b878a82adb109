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
from tests.verify.forger import CONTRACT, Forger, Parts, blocks_of, take_apart
from tests.verify.verifier import Archive, verifier

FEN = re.compile(rb'"(?:[a-z_]*_)?(?:fen|bank|free|budgeted|held)":(\d+)')
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
        self.valid = [place for place in self.places if not self._mark(place)]
        self.closings = _closings(archive)

    # --- Whole blocks and transactions ---

    def drop_block(self, rng: random.Random, by: By) -> Change | None:
        blocks = blocks_of(self.archive)
        number = rng.randrange(1, len(blocks) - (by is not By.OUTSIDER))
        del blocks[number]
        return self._made("drop block", by, f"{number}", blocks, number)

    def add_block(self, rng: random.Random, by: By) -> Change | None:
        blocks = blocks_of(self.archive)
        number, source = rng.randrange(1, len(blocks)), rng.randrange(1, len(blocks))
        blocks.insert(number, common_pb2.Block.FromString(self.archive.blocks[source]))
        return self._made("add block", by, f"{source} at {number}", blocks, number)

    def swap_blocks(self, rng: random.Random, by: By) -> Change | None:
        blocks = blocks_of(self.archive)
        one, other = sorted(rng.sample(range(1, len(blocks)), 2))
        blocks[one], blocks[other] = blocks[other], blocks[one]
        return self._made("swap blocks", by, f"{one} and {other}", blocks, one)

    def drop_transaction(self, rng: random.Random, by: By) -> Change | None:
        number, index = rng.choice(self.places)
        blocks = blocks_of(self.archive)
        del blocks[number].data.data[index]
        self._unmark(blocks[number], index)
        return self._made("drop transaction", by, f"{number}/{index}", blocks, number)

    def add_transaction(self, rng: random.Random, by: By) -> Change | None:
        (number, index), (source, copied) = rng.choice(self.places), rng.choice(self.places)
        blocks = blocks_of(self.archive)
        data = common_pb2.Block.FromString(self.archive.blocks[source]).data.data[copied]
        blocks[number].data.data.insert(index, data)
        marks = bytearray(blocks[number].metadata.metadata[2])
        marks.insert(index, 0)
        blocks[number].metadata.metadata[2] = bytes(marks)
        what = f"{source}/{copied} at {number}/{index}"
        return self._made("add transaction", by, what, blocks, number)

    def reorder(self, rng: random.Random, by: By) -> Change | None:
        blocks = blocks_of(self.archive)
        number = rng.choice([n for n, block in enumerate(blocks) if len(block.data.data) > 1])
        data = list(blocks[number].data.data)
        marked = list(zip(data, blocks[number].metadata.metadata[2], strict=True))
        rng.shuffle(marked)
        if [one for one, _ in marked] == data:
            return None
        del blocks[number].data.data[:]
        blocks[number].data.data.extend(one for one, _ in marked)
        blocks[number].metadata.metadata[2] = bytes(mark for _, mark in marked)
        return self._made("reorder transactions", by, f"{number}", blocks, number)

    def flip_bit(self, rng: random.Random, by: By) -> Change | None:
        """Anywhere in the file; or, with the orderers' help, in a block's transactions."""
        if by is By.OUTSIDER:
            return self._flip_anywhere(rng)
        blocks = blocks_of(self.archive)
        number, index = rng.choice(self.places)
        data = bytearray(blocks[number].data.data[index])
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        blocks[number].data.data[index] = bytes(data)
        return self._made("flip a bit", by, f"{number}/{index} byte {place}", blocks, number)

    def _flip_anywhere(self, rng: random.Random) -> Change | None:
        data = bytearray(self.archive.to_bytes())
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        what = f"byte {place} of the file"
        try:
            changed = verifier.read_archive(bytes(data))
        except verifier.NotAnArchive:
            return Change("flip a bit", By.OUTSIDER, what, None, None)
        pairs = zip(changed.blocks, self.archive.blocks, strict=False)
        first = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
        return Change("flip a bit", By.OUTSIDER, what, changed, first)

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
        casting = [place for place in self.valid if _casts(self._parts(place))]
        number, index = rng.choice(casting)
        later = rng.choice([n for n, _ in self.places if n > number] or [number])
        blocks = blocks_of(self.archive)
        envelope = blocks[number].data.data[index]
        data = self.forger.changed(envelope, lambda parts: _renew(parts, rng))
        blocks[later].data.data.append(data)
        blocks[later].metadata.metadata[2] += b"\0"
        return self._made("replayed act", by, f"{number}/{index} in {later}", blocks, later)

    def _mark(self, place: tuple[int, int]) -> int:
        block = common_pb2.Block.FromString(self.archive.blocks[place[0]])
        return int(block.metadata.metadata[2][place[1]])

    def _edited(self, kind: str, by: By, rng: random.Random, edit: Edit) -> Change | None:
        number, index = rng.choice(self.valid)
        parts = self._parts((number, index))
        if not edit(parts, rng):
            return None
        blocks = blocks_of(self.archive)
        is_all = by is By.EVERYBODY
        gone = kind == "removed endorsement"
        data = self.forger.assembled(parts, endorse=is_all or gone, sign=is_all or gone)
        blocks[number].data.data[index] = data
        return self._made(kind, by, f"{number}/{index} {parts.note}", blocks, number)

    def _parts(self, place: tuple[int, int]) -> Parts:
        block = common_pb2.Block.FromString(self.archive.blocks[place[0]])
        return take_apart(block.data.data[place[1]])

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

    def _unmark(self, block: Any, index: int) -> None:
        marks = bytearray(block.metadata.metadata[2])
        del marks[index]
        block.metadata.metadata[2] = bytes(marks)

    def _made(self, kind: str, by: By, what: str, blocks: Sequence[Any], first: int) -> Change:
        if by is By.OUTSIDER:
            data = tuple(block.SerializeToString(deterministic=True) for block in blocks)
            one = self.archive
            changed = verifier.Archive(one.channel, one.height, one.tip, data)
        else:
            changed = self.forger.resealed(self.archive, blocks, first)
        return Change(kind, by, what, changed, first)


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


def _casts(parts: Parts) -> bool:
    return bool(_motions_cast_for(parts))


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
    parser.add_argument("--kinds", nargs="*", default=[name for name, _ in KINDS])
    args = parser.parse_args()
    archive = verifier.read_archive(args.archive.read_bytes())
    changer = Changer(archive, Forger.of(args.home))
    rng = random.Random(args.seed)
    kinds: Counter[str] = Counter()
    unfound: list[str] = []
    made_count = 0
    while made_count < args.count:
        made = changes(changer, rng.randrange(2**32), min(250, args.count - made_count), args.kinds)
        made_count += len(made)
        kinds.update(f"{change.kind} by {change.by}" for change in made)
        unfound += [f"{one.kind} by {one.by}: {one.what}" for one in missed(archive, made)]
    told = {"made": made_count, "kinds": dict(sorted(kinds.items())), "missed": unfound}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return int(bool(unfound))


if __name__ == "__main__":
    raise SystemExit(main())
