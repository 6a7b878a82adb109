"""Whether endorsers would agree: the same calls in processes with different hash seeds."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

from tests.support.memory_ledger import FakeLedger

SEEDS = ("1", "4242")
TIMEOUT_S = 120


def assert_deterministic(ledger: FakeLedger) -> None:
    """Replay what was submitted to ``ledger`` and compare answers, writes and events.

    At least one call must have written something, or nothing was shown.
    """
    calls = [
        [msp_id, function, [arg.decode("latin-1") for arg in args], now_ms]
        for msp_id, function, args, now_ms in ledger.log
    ]
    script = json.dumps({"channel_id": ledger.channel_id, "calls": calls})
    first, second = (_in_other_process(script, seed) for seed in SEEDS)
    assert first == second
    assert any(call["writes"] for call in json.loads(first))


def _in_other_process(script: str, seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.determinism"],
        input=script,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _replay(script: dict[str, Any]) -> list[dict[str, Any]]:
    ledger = FakeLedger(channel_id=script["channel_id"])
    seen = []
    for msp_id, function, args, now_ms in script["calls"]:
        ledger.now_ms = now_ms
        transaction = ledger.transaction(msp_id, function, *(arg.encode("latin-1") for arg in args))
        outcome = await ledger.contract().answer(transaction)
        seen.append(
            {
                "answer": [outcome.status, outcome.message, outcome.payload.hex()],
                "writes": {
                    key: value.hex() if value is not None else None
                    for key, value in transaction.writes.items()
                },
                "event": transaction.event and [transaction.event[0], transaction.event[1].hex()],
            }
        )
        if outcome.status < 400:
            transaction.commit()
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_replay(json.load(sys.stdin)))))
