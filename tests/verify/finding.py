"""Whether verification finds a change of an archive.

The archive is verified once, block by block; at each block a child process goes on with every
change that begins there, to its first finding or to the end. That is the same as verifying each
changed archive from its beginning, only faster.
"""

import os
from collections.abc import Sequence
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
    """A changed archive; `first` is the first block that differs, None if the head alone does."""

    kind: str
    by: By
    what: str
    archive: Archive
    first: int | None


def is_found(change: Change, finding: Any) -> bool:
    """Whether a finding counts as having found the change."""
    return change.by is not By.EVERYBODY or not finding.code.startswith(FORMAL)


def missed(archive: Archive, made: Sequence[Change]) -> list[Change]:
    """The changes that verification does not find."""
    open_ones = [change for change in made if change.archive is not None]
    left = [c for c in open_ones if c.first is None and not _ends_badly(c)]
    by_block: dict[int, list[Change]] = {}
    for change in open_ones:
        if change.first is not None:
            by_block.setdefault(change.first, []).append(change)
    report = verifier.Report()
    chain = verifier.Chain(report, archive.channel, verifier.Judge(report, archive.channel))
    for number, block in enumerate(archive.blocks):
        left += [
            change for change in by_block.pop(number, ()) if not _found_by_child(chain, change)
        ]
        chain.take(block)
    assert not report.findings, report.findings[0]
    left += [change for rest in by_block.values() for change in rest if not _ends_badly(change)]
    return left


def _ends_badly(change: Change) -> bool:
    """Verified whole: the head, or the number of blocks, is what was changed."""
    return any(is_found(change, finding) for finding in verifier.verify(change.archive).findings)


def _found_by_child(chain: Any, change: Change) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if _goes_on(chain, change) else 1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 1), f"a child died of {code}"
    return code == 0


def _goes_on(chain: Any, change: Change) -> bool:
    assert change.first is not None
    for block in change.archive.blocks[change.first :]:
        chain.take(block)
        if any(is_found(change, finding) for finding in chain.report.findings):
            return True
    short = chain.height != change.archive.height or chain.tip.hex() != change.archive.tip
    return short and change.by is not By.EVERYBODY
