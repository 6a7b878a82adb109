"""Whether verification finds a change of an archive.

The archive is verified once, block by block; at each block a child process goes on with every
change that begins there, to its first finding or to the end. That is the same as verifying each
changed archive from its beginning, only faster.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.verify.verifier import Archive, verifier

FORMAL = ("archive/", "block/", "chain/", "config/", "endorsement/", "orderer/", "state/", "tx/")
"""Findings that a forger with every key has none of, or could avoid."""


class By(StrEnum):
    """Who changes something."""

    OUTSIDER = "outsider"
    ORDERERS = "orderers"
    EVERYBODY = "everybody"


@dataclass(frozen=True)
class Change:
    """A changed archive: `blocks` are those from block `first` on, the first that differs, and
    `head` is what the file announces; None if the head was written anew to fit."""

    kind: str
    by: By
    what: str
    first: int
    blocks: Iterable[bytes]
    head: Archive | None


def is_found(change: Change, finding: Any) -> bool:
    """Whether a finding counts as having found the change."""
    return change.by is not By.EVERYBODY or not finding.code.startswith(FORMAL)


def missed(archive: Archive, made: Sequence[Change]) -> list[Change]:
    """The changes that verification does not find."""
    by_block: dict[int, list[Change]] = {}
    for change in made:
        by_block.setdefault(change.first, []).append(change)
    report = verifier.Report()
    chain = verifier.Chain(report, archive.channel, verifier.Judge(report, archive.channel))
    left: list[Change] = []
    for number in range(len(archive.blocks) + 1):
        left += [change for change in by_block.get(number, ()) if not _found(chain, change)]
        if number < len(archive.blocks):
            chain.take(archive.blocks[number])
    assert not report.findings, report.findings[0]
    return left


def _found(chain: Any, change: Change) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if _goes_on(chain, change) else 1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 1), f"a child died of {code}"
    return code == 0


def _goes_on(chain: Any, change: Change) -> bool:
    for block in change.blocks:
        chain.take(block)
        if any(is_found(change, finding) for finding in chain.report.findings):
            return True
    head = change.head
    return head is not None and (head.height, head.tip) != (chain.height, chain.tip.hex())
