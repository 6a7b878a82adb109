"""The orderer's channel participation API: which channels it serves, and joining one.

REST over mutual TLS (Fabric docs, "Channel participation API"); an orderer's own TLS certificate
is the client certificate, because its admin endpoint trusts its org's TLS CA.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from network.rpc import CallFailed

_PATH = "/participation/v1/channels"
_OK = 200
_CREATED = 201


@dataclass(frozen=True, slots=True)
class Admin:
    """An orderer's admin endpoint (`host:port`) and the PEM files to reach it with."""

    node: str
    address: str
    tls_root: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A TLS context that trusts only this orderer's TLS CA."""
        context = ssl.create_default_context(cafile=str(self.tls_root))
        context.load_cert_chain(self.certificate, self.key)
        return context


async def orderer_channels(admin: Admin, timeout_s: float) -> set[str]:
    """The channels this orderer has joined. Raises CallFailed."""
    answer = await _request(admin, "GET", timeout_s, None)
    return {channel["name"] for channel in answer.get("channels") or ()}


async def orderer_height(admin: Admin, channel: str, timeout_s: float) -> int:
    """How many blocks of the channel this orderer has. Raises CallFailed."""
    answer = await _request(admin, "GET", timeout_s, None, f"/{channel}")
    return int(answer["height"])


async def join_orderer(admin: Admin, genesis: bytes, timeout_s: float) -> None:
    """Makes the orderer serve the channel of this genesis block. Raises CallFailed."""
    form = aiohttp.FormData()
    form.add_field("config-block", genesis, filename="config.block")
    await _request(admin, "POST", timeout_s, form)


async def _request(
    admin: Admin, method: str, timeout_s: float, form: aiohttp.FormData | None, below: str = ""
) -> dict[str, Any]:
    url = f"https://{admin.address}{_PATH}{below}"
    limit = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(method, url, data=form, ssl=admin.context()) as response,
        ):
            body = await response.read()
            if response.status not in (_OK, _CREATED):
                words = body.decode(errors="replace").strip()
                raise CallFailed(admin.node, f"{method} {_PATH}: {response.status} {words}")
            answer: dict[str, Any] = json.loads(body)
            return answer
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or "no answer in time"
        raise CallFailed(admin.node, f"{method} {_PATH}: {reason}") from error
