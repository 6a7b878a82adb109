"""Orders, adapters and the real sandbox process, for the tests of the bank's side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from gateway.bank.types import Party, PaymentOrder

_T = TypeVar("_T")
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data" / "iso20022"
OWN = "62220000000001"
OPENING_FEN = 100_000_00
CREATED_AT = 1_767_225_600_000
DEADLINE_S = 30.0
DEBTOR = Party(name="幸福里小区业主大会", account=OWN, bank="102100099996")
CREDITOR = Party(name="门禁维修有限公司", account="62330000000002", bank="105100000017")


def order(number: int = 1, amount_fen: int = 8_500_00, **changes: Any) -> PaymentOrder:
    """The gate repair, or its number-th sister."""
    fields: dict[str, Any] = {
        "order_id": f"order-{number}",
        "payment_id": f"pay-{number}",
        "amount_fen": amount_fen,
        "debtor": DEBTOR,
        "creditor": CREDITOR,
        "remittance": f"大门维修 {number}",
        "execution_date": date(2026, 1, 2),
        "created_at": CREATED_AT,
    }
    return PaymentOrder(**(fields | changes))


def wait_for(condition: Callable[[], _T | None], what: str) -> _T:
    """The first true answer of `condition`; fails after DEADLINE_S."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"no {what} within {DEADLINE_S} s")


@dataclass
class Sandbox:
    """A sandbox process in which time passes on command only."""

    data: Path
    folder: Path | None = None
    seed: int = 1
    program: tuple[str, ...] = ("-m", "gateway.bank.sandbox")
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; returns when it answers."""
        folder = ["--folder", str(self.folder)] if self.folder else []
        (self.data / "sandbox.json").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                sys.executable,
                *self.program,
                "--data",
                str(self.data),
                "serve",
                "--interval-s",
                "0",
                "--seed",
                str(self.seed),
                *folder,
                *self.arguments,
            ],
            cwd=ROOT,
            env=os.environ | self.environment,
        )
        wait_for(self._is_ready, "sandbox")

    def _is_ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, "the sandbox ended"
        return (self.data / "sandbox.json").exists()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads((self.data / "sandbox.json").read_bytes())["url"])

    @property
    def customer_token(self) -> str:
        """The token of the /v1 interface."""
        return (self.data / "customer.token").read_text()

    def admin(self, path: str, body: object | None = None) -> Any:
        """POSTs a command, or GETs without a body; the answer as JSON."""
        request = urllib.request.Request(
            f"{self.url}/admin/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {(self.data / 'admin.token').read_text()}"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            return json.loads(response.read())

    def rule(self, action: str, **fields: Any) -> None:
        """Tells it how to behave."""
        self.admin("rules", {"action": action, **fields})

    def step(self, count: int = 1) -> Any:
        """Lets time pass; its state."""
        return self.admin("step", {"count": count})

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process; its exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@contextmanager
def running_sandbox(data: Path, **settings: Any) -> Iterator[Sandbox]:
    """A started sandbox with our account open, stopped at the end."""
    data.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(data, **settings)
    try:
        sandbox.start()
        sandbox.admin("accounts", {"number": OWN, "opening_fen": OPENING_FEN})
        yield sandbox
    finally:
        if sandbox.process:
            sandbox.stop(signal.SIGKILL)
