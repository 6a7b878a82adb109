"""What the command tells people of forms, acts and proofs, line by line."""

from datetime import UTC, datetime

from scripts.hand.folder import KeptAct
from scripts.hand.forms import Forms
from scripts.hand.proof import BallotProof, Proof


def form_lines(forms: Forms) -> list[str]:
    """Every act: who may do it, and its fields; those that may be left out in brackets."""
    lines = []
    for name, form in sorted(forms.acts.items()):
        required = form["fields"]["required"]
        others = [field for field in form["fields"]["properties"] if field not in required]
        fields = [*required, *(f"[{field}]" for field in others)]
        lines.append(f"{name} {' '.join(fields)}")
        lines.append(f"    {form['says']} For: {', '.join(form['roles'])}.")
    return lines


def act_lines(act: KeptAct) -> list[str]:
    """An act in the folder, in one line."""
    at = datetime.fromtimestamp(act.at / 1000, UTC).isoformat(timespec="seconds")
    outcome = f"accepted, transaction {act.tx_id}" if act.tx_id else "no answer kept"
    return [f"{act.nonce} {at} {act.act}: {outcome}"]


def proof_lines(proof: Proof) -> list[str]:
    """An act's place on the ledger, who vouches for it, and what became of its ballots."""
    block = "an older block" if proof.block_number is None else f"block {proof.block_number}"
    lines = [
        f"{proof.act}, act {proof.sha256}",
        f"  transaction {proof.tx_id}, {block}, found {proof.validity or '-'} by the peers",
    ]
    for witness in proof.witnesses:
        says = f"accepted in {witness.tx_id}" if witness.tx_id else witness.code
        lines.append(f"  {witness.address} says: {says}")
    return lines + [line for ballot in proof.ballots for line in _ballot_lines(ballot)]


def _ballot_lines(ballot: BallotProof) -> list[str]:
    whose = "this act" if ballot.is_this_act else f"a later act, {ballot.act_sha256}"
    choices = ", ".join(ballot.choices) or "sealed"
    lines = [f"  unit {ballot.unit_id}: on record is {whose} ({choices})"]
    if ballot.earlier_count:
        lines.append(f"    {ballot.earlier_count} earlier ballots of the unit are in its history")
    if ballot.counted is None:
        return [*lines, "    not counted yet"]
    if not ballot.counted:
        return [*lines, "    NOT counted"]
    lines.append(f"    counted at place {ballot.place}; all ballots {ballot.ballots_sha256}")
    agrees = "agrees" if ballot.is_recounted else "DOES NOT AGREE"
    return [*lines, f"    hashed here from the ballots as counted: {agrees}"]
