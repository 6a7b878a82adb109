"""`network.yaml` as checked values: read, validate, and say everything that is wrong at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from network.schema import (
    Auto,
    Choice,
    Findings,
    Key,
    ListOf,
    MapOf,
    Record,
    Text,
    Whole,
    duration,
    size,
)
from network.yamlfile import read_yaml

BFT_ORDERERS_MIN = 4  # 3f + 1 with f = 1: fewer cannot lose or mistrust any
MODULES = ("voting", "funds")
FABRIC_VERSIONS = ("3.1.1",)

_ORG = Text(r"[a-z][a-z0-9]{1,19}", "2 to 20 small letters and digits, a letter first")
_NAME = Text(r"[a-z][a-z0-9-]{0,39}", "1 to 40 small letters, digits and '-', a letter first")
_MSP = Text(r"[A-Za-z][A-Za-z0-9]{1,39}", "2 to 40 letters and digits, a letter first")
_CHANNEL = Text(r"[a-z][a-z0-9.-]{0,99}", "1 to 100 of a-z 0-9 . -, a letter first")
_COMMUNITY = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 of A-Z a-z 0-9 . _ -")
_LABEL = Text(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", "letters and digits in parts joined by '-'")
_VERSION = Text(r"[A-Za-z0-9][A-Za-z0-9.-]{0,29}", "1 to 30 of A-Z a-z 0-9 . -")
_WORD = Text(r"[^\0]{1,1000}", "a word of the command line")

_ENDORSEMENT = Record(
    {"require": Key(ListOf(_ORG, 1, 20)), "substitute": Key(_ORG, None)},
)
CHANNEL = Record(
    {
        "name": Key(_CHANNEL),
        "communities": Key(ListOf(_COMMUNITY, 1, 1000)),
        "modules": Key(ListOf(Choice(MODULES), 1, len(MODULES)), list(MODULES)),
        "members": Key(ListOf(_ORG, 1, 20), None),
        "endorsement": Key(_ENDORSEMENT, None),
    }
)
_ORDERER = Record(
    {
        "type": Key(Choice(("bft", "raft")), "bft"),
        "batch_messages": Key(Whole(1, 10_000), 500),
        "batch_bytes": Key(size("64KB", "64MB"), "10MB"),
        "batch_interval": Key(duration("5ms", "10s"), "50ms"),
        "heartbeat": Key(duration("500ms", "10m"), "3s"),
        "forward": Key(duration("100ms", "10m"), "1s"),
        "complain": Key(duration("100ms", "10m"), "2s"),
        "view_change": Key(duration("500ms", "10m"), "4s"),
        "resend": Key(duration("100ms", "10m"), "1s"),
    }
)
_CHAINCODE = Record(
    {
        "name": Key(_LABEL, "commonhold"),
        "version": Key(_VERSION, "1"),
        "command": Key(ListOf(_WORD, 1, 50, repeats=True), ["python", "-m", "chaincode"]),
        "start_timeout": Key(duration("1s", "5m"), "20s"),
        "execute_timeout": Key(duration("1s", "5m"), "30s"),
    }
)
_LIMITS = Record(
    {
        "gateway_requests": Key(Whole(10, 100_000), 5000),
        "endorser_requests": Key(Whole(10, 100_000), 5000),
        "deliver_requests": Key(Whole(10, 100_000), 5000),
        "message_bytes": Key(size("1MB", "100MB"), "100MB"),
        "query_records": Key(Whole(100, 10_000_000), 100_000),
    }
)
_TIMING = Record(
    {
        "ready": Key(duration("1s", "10m"), "30s"),
        "transaction": Key(duration("1s", "10m"), "30s"),
        "time_window": Key(duration("10s", "15m"), "2m"),
        "gossip_reconnect": Key(duration("100ms", "10m"), "1s"),
        "gossip_alive": Key(duration("100ms", "10m"), "1s"),
        "gossip_publish": Key(duration("100ms", "10m"), "250ms"),
        "gossip_request": Key(Auto(duration("100ms", "10m")), "auto"),
        "deliver_backoff": Key(duration("1s", "1h"), "5s"),
        "censorship": Key(Auto(duration("1s", "10m")), "auto"),
    }
)
SCHEMA = Record(
    {
        "name": Key(_NAME),
        "fabric": Key(Choice(FABRIC_VERSIONS), FABRIC_VERSIONS[0]),
        "orgs": Key(
            MapOf(
                _ORG,
                Record(
                    {
                        "msp": Key(_MSP),
                        "peers": Key(Whole(0, 10), 1),
                        "orderers": Key(Whole(0, 10), 1),
                    }
                ),
                20,
            )
        ),
        "orderer": Key(_ORDERER, {}),
        "channels": Key(ListOf(CHANNEL, 0, 1000)),
        "endorsement": Key(_ENDORSEMENT),
        "ports": Key(Auto(Whole(1024, 60_000)), 7000),
        "chaincode": Key(_CHAINCODE, {}),
        "limits": Key(_LIMITS, {}),
        "timing": Key(_TIMING, {}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgConfig:
    """A founding organisation: its MSP id and how many nodes it runs."""

    msp: str
    peers: int
    orderers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """Who must endorse, and who may stand in for one silent org among them (or None)."""

    require: tuple[str, ...]
    substitute: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """One ledger, its member orgs, and the communities and modules it serves."""

    name: str
    communities: tuple[str, ...]
    modules: tuple[str, ...]
    members: tuple[str, ...]
    endorsement: Endorsement


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdererConfig:
    """How blocks are cut and how fast a silent leader is replaced. Times in ms."""

    type: str
    batch_messages: int
    batch_bytes: int
    batch_interval: int
    heartbeat: int
    forward: int
    complain: int
    view_change: int
    resend: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaincodeConfig:
    """The chaincode's name, version and command line. Times in ms."""

    name: str
    version: str
    command: tuple[str, ...]
    start_timeout: int
    execute_timeout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer takes at once, and how large a message or query answer may be."""

    gateway_requests: int
    endorser_requests: int
    deliver_requests: int
    message_bytes: int
    query_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Waits and intervals in ms; those of None follow the number of channels (`render.pace`)."""

    ready: int
    transaction: int
    time_window: int
    gossip_reconnect: int
    gossip_alive: int
    gossip_publish: int
    gossip_request: int | None
    deliver_backoff: int
    censorship: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What the operator wrote, checked, with every default filled in."""

    name: str
    fabric: str
    orgs: dict[str, OrgConfig]
    orderer: OrdererConfig
    channels: tuple[ChannelConfig, ...]
    endorsement: Endorsement
    ports: int | None
    chaincode: ChaincodeConfig
    limits: Limits
    timing: Timing


def load(file: Path, added: tuple[dict[str, Any], ...] = ()) -> NetworkConfig:
    """Reads and checks a YAML file; `added` are channels recorded by `community add`.

    Raises ConfigErrors with every finding.
    """
    return parse(read_yaml(file), added)


def parse(document: object, added: tuple[dict[str, Any], ...] = ()) -> NetworkConfig:
    """Checks a document as YAML gives it. Raises ConfigErrors with every finding."""
    findings = Findings()
    values = SCHEMA.read(document, "", findings)
    named = {channel["name"] for channel in values["channels"]}
    for index, channel in enumerate(added):
        if channel.get("name") not in named:
            values["channels"].append(CHANNEL.read(channel, f"added[{index}]", findings))
    config = _build(values)
    _check(config, findings)
    findings.raise_any()
    return config


def _build(values: dict[str, Any]) -> NetworkConfig:
    endorsement = _endorsement(values["endorsement"])
    with_peers = tuple(org for org, entry in values["orgs"].items() if entry["peers"])
    channels = tuple(_channel(c, with_peers, endorsement) for c in values["channels"])
    chaincode = values["chaincode"]
    return NetworkConfig(
        name=values["name"],
        fabric=values["fabric"],
        orgs={org: OrgConfig(**entry) for org, entry in values["orgs"].items()},
        orderer=OrdererConfig(**values["orderer"]),
        channels=channels,
        endorsement=endorsement,
        ports=values["ports"],
        chaincode=ChaincodeConfig(**{**chaincode, "command": tuple(chaincode["command"])}),
        limits=Limits(**values["limits"]),
        timing=Timing(**values["timing"]),
    )


def _endorsement(values: dict[str, Any]) -> Endorsement:
    return Endorsement(require=tuple(values["require"]), substitute=values["substitute"])


def _channel(
    values: dict[str, Any], with_peers: tuple[str, ...], default: Endorsement
) -> ChannelConfig:
    own = values["endorsement"]
    return ChannelConfig(
        name=values["name"],
        communities=tuple(values["communities"]),
        modules=tuple(values["modules"]),
        members=tuple(values["members"] or with_peers),
        endorsement=_endorsement(own) if own else default,
    )


# --- Checks across keys ---


def _check(config: NetworkConfig, findings: Findings) -> None:
    _check_orgs(config, findings)
    _check_orderer(config, findings)
    _check_endorsement(config, findings)
    _check_timing(config, findings)
    for index, channel in enumerate(config.channels):
        _check_channel(config, channel, f"channels[{index}]", findings)
    _check_repeats(config, findings)


def _check_orgs(config: NetworkConfig, findings: Findings) -> None:
    owner: dict[str, str] = {}
    for org, entry in config.orgs.items():
        if first := owner.get(entry.msp):
            findings.note(f"orgs.{org}.msp", f"{entry.msp} is already the MSP of {first}")
        owner.setdefault(entry.msp, org)
        if not entry.peers + entry.orderers:
            findings.note(f"orgs.{org}", "runs neither a peer nor an orderer")


def _check_orderer(config: NetworkConfig, findings: Findings) -> None:
    count = sum(org.orderers for org in config.orgs.values())
    least = BFT_ORDERERS_MIN if config.orderer.type == "bft" else 1
    if config.orgs and count < least:
        findings.note(
            "orderer.type", f"{config.orderer.type} needs at least {least} orderers, not {count}"
        )
    for quick, slow in pairwise(("batch_interval", "forward", "complain")):
        if getattr(config.orderer, quick) >= getattr(config.orderer, slow):
            findings.note(f"orderer.{quick}", f"must be shorter than orderer.{slow}")
    if config.orderer.resend >= config.orderer.view_change:
        findings.note("orderer.resend", "must be shorter than orderer.view_change")


def _check_timing(config: NetworkConfig, findings: Findings) -> None:
    if (config.timing.gossip_request or 0) >= config.timing.ready:
        findings.note("timing.gossip_request", "must be shorter than timing.ready")


def _check_channel(
    config: NetworkConfig, channel: ChannelConfig, path: str, findings: Findings
) -> None:
    for org in channel.members:
        if org and org not in config.orgs:
            findings.note(f"{path}.members", f"{org} is not among orgs")
        elif org and not config.orgs[org].peers:
            findings.note(f"{path}.members", f"{org} runs no peer")
    if channel.endorsement is not config.endorsement:
        path = f"{path}.endorsement"
        _check_substitute(channel.endorsement, path, findings)
    for org in _endorsers(channel.endorsement):
        if org not in channel.members:
            findings.note(path, f"{org} must endorse but is not a member")


def _check_endorsement(config: NetworkConfig, findings: Findings) -> None:
    for org in _endorsers(config.endorsement):
        if org not in config.orgs:
            findings.note("endorsement", f"{org} is not among orgs")
        elif not config.orgs[org].peers:
            findings.note("endorsement", f"{org} must endorse but runs no peer")
    _check_substitute(config.endorsement, "endorsement", findings)


def _check_substitute(endorsement: Endorsement, path: str, findings: Findings) -> None:
    substitute = endorsement.substitute
    if substitute in endorsement.require:
        findings.note(path, f"{substitute} cannot stand in for itself")
    if substitute and len(endorsement.require) == 1:
        findings.note(path, "a substitute needs at least two required orgs")


def _endorsers(endorsement: Endorsement) -> list[str]:
    """Everyone the rule names; an empty name stands for one that was refused already."""
    return [org for org in (*endorsement.require, endorsement.substitute) if org]


def _check_repeats(config: NetworkConfig, findings: Findings) -> None:
    names: dict[str, int] = {}
    homes: dict[str, str] = {}
    for index, channel in enumerate(config.channels):
        if channel.name and names.setdefault(channel.name, index) != index:
            findings.note(f"channels[{index}].name", f"{channel.name} is already a channel")
        for community in channel.communities:
            first = homes.setdefault(community, channel.name)
            if community and first != channel.name:
                findings.note(
                    f"channels[{index}].communities", f"{community} is already on {first}"
                )
