"""Corrections to pinned Go modules, made on a copy of the module while it is built.

A correction is text to be found exactly once and what stands there instead, so a module that has
changed is refused rather than patched wrongly. An operator's own binaries (FABRIC_BIN) and
published images do not have them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


class PatchFailed(Exception):
    """The text to be corrected is not there exactly once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Changes (what is there, what shall be) to one file of a module."""

    module: str
    file: str
    changes: tuple[tuple[str, str], ...]

    def apply(self, source: str) -> str:
        """The corrected text. Raises PatchFailed."""
        for old, new in self.changes:
            if source.count(old) != 1:
                raise PatchFailed(f"{self.module} {self.file} is not the one to be corrected")
            source = source.replace(old, new)
        return source


SMARTBFT = Patch(
    module="github.com/hyperledger-labs/SmartBFT",
    file="internal/bft/controller.go",
    changes=(
        # A view hands a decision over and waits until it is written. The two met on one channel:
        # when the view was aborted meanwhile (its orderer lagged and fetched blocks), the word
        # "written" was left for the next view, which from then on was one decision ahead of the
        # ledger. The first proposal to come early was then "bad" (previous header hash), and the
        # orderer took no part any more: the next failure stopped the channel. So each decision
        # carries its own word.
        (
            "\tselect {\n\tcase c.decisionChan <- decision{\n\t\tproposal:   proposal,\n",
            "\tdelivered := make(chan struct{})\n\tselect {\n\tcase c.decisionChan <- decision{\n"
            "\t\tdelivered:  delivered,\n\t\tproposal:   proposal,\n",
        ),
        ("\tcase <-c.deliverChan: // wait", "\tcase <-delivered: // wait"),
        (
            "\tselect {\n\tcase c.deliverChan <- struct{}{}:\n\tcase <-c.stopChan:\n\t\treturn\n"
            "\t}\n\tc.incrementCurrentDecisionsInView()\n",
            "\tclose(d.delivered)\n\tc.incrementCurrentDecisionsInView()\n",
        ),
        (
            "\tsignatures []types.Signature\n\trequests   []types.RequestInfo\n}\n",
            "\tsignatures []types.Signature\n\trequests   []types.RequestInfo\n"
            "\tdelivered  chan struct{}\n}\n",
        ),
        # Fetching no new block must not reset the count of decisions, which makes the next proposal
        # "bad" as well (corrected upstream in SmartBFT 1.0.1, which asks for Go 1.26).
        (
            "\tnewViewNum = controllerViewNum\n\n\tif latestDecisionSeq",
            "\tnewViewNum = controllerViewNum\n"
            "\tnewDecisionsInView = c.getCurrentDecisionsInView()\n\n\tif latestDecisionSeq",
        ),
    ),
)
"""Two faults of the ordering library of Fabric 3.1.1 that stop an orderer which once lagged."""


CA_SECRETS = Patch(
    module="github.com/hyperledger/fabric-ca",
    file="lib/dbaccessor.go",
    changes=(
        # An enrolment secret of 32 characters or more is random (network and gateway make it) and
        # good for one certificate: nobody tries it out, so stretching it protects nothing. It cost
        # 150 ms of processor for each owner, most of what certifying a person takes. Shorter
        # secrets, which a person may have chosen, are stretched as before.
        (
            "\t// Hash the password before storing it\n\tpwd := []byte(user.Pass)\n"
            "\tpwd, err = bcrypt.GenerateFromPassword(pwd, bcrypt.DefaultCost)\n",
            "\t// Hash the password before storing it\n\tpwd := []byte(user.Pass)\n"
            "\tcost := bcrypt.DefaultCost\n\tif len(pwd) >= 32 {\n\t\tcost = bcrypt.MinCost\n\t}\n"
            "\tpwd, err = bcrypt.GenerateFromPassword(pwd, cost)\n",
        ),
    ),
)
"""Certifying a thousand owners in a quarter of the time."""


def patched_modules(
    go_mod: Path, sources: dict[str, Path], patches: tuple[Patch, ...], work: Path
) -> Path:
    """Writes corrected copies below `work`, and a go.mod there that uses them; answers that one.

    `sources` has each module's folder. Raises PatchFailed, OSError.
    """
    work.mkdir()
    text = go_mod.read_text()
    for number, patch in enumerate(patches):
        copy = work / str(number)
        shutil.copytree(sources[patch.module], copy, copy_function=shutil.copyfile)
        for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        file = copy / patch.file
        file.write_text(patch.apply(file.read_text()))
        text += f'\nreplace {patch.module} => "{copy}"\n'
    (work / "go.mod").write_text(text)
    shutil.copyfile(go_mod.with_name("go.sum"), work / "go.sum")
    return work / "go.mod"
