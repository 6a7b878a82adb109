"""Peer administration by signed proposals: join, install, approve, commit, and what is there now.

Follows Fabric's system chaincodes `cscc`, `qscc` and `_lifecycle` (Fabric docs, "Fabric chaincode
lifecycle"). Every function asks first or is harmless when done twice; the caller decides which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fabric_protos.common import ledger_pb2
from fabric_protos.peer import query_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from network.envelopes import Signer, build_proposal
from network.rpc import CallFailed, Client, Endpoint

_ENDORSEMENT_PLUGIN = "escc"
_VALIDATION_PLUGIN = "vscc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A chaincode definition as orgs approve it and a channel commits it."""

    name: str
    version: str
    sequence: int
    policy: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAccess:
    """Whom to ask and tell on one channel; one peer per member org endorses lifecycle calls."""

    name: str
    endorsers: tuple[Endpoint, ...]
    observers: tuple[Endpoint, ...]
    orderers: tuple[Endpoint, ...]
    acks: int


async def _ask(
    client: Client, signer: Signer, peer: Endpoint, channel: str, chaincode: str, *args: bytes
) -> bytes:
    proposal = build_proposal(signer, channel, chaincode, args)
    response = await client.endorse(peer, proposal.signed)
    return bytes(response.response.payload)


async def joined_channels(client: Client, signer: Signer, peer: Endpoint) -> set[str]:
    """The channels this peer has joined."""
    payload = await _ask(client, signer, peer, "", "cscc", b"GetChannels")
    channels = query_pb2.ChannelQueryResponse.FromString(payload).channels
    return {channel.channel_id for channel in channels}


async def join_channel(client: Client, signer: Signer, peer: Endpoint, genesis: bytes) -> None:
    """Makes the peer join the channel of this genesis block."""
    await _ask(client, signer, peer, "", "cscc", b"JoinChain", genesis)


async def height(client: Client, signer: Signer, peer: Endpoint, channel: str) -> int:
    """How many blocks of the channel this peer has."""
    payload = await _ask(client, signer, peer, channel, "qscc", b"GetChainInfo", channel.encode())
    return int(ledger_pb2.BlockchainInfo.FromString(payload).height)


async def config_block(client: Client, signer: Signer, peer: Endpoint, channel: str) -> bytes:
    """The channel's newest configuration block, as this peer has it."""
    return await _ask(client, signer, peer, "", "cscc", b"GetConfigBlock", channel.encode())


async def installed(client: Client, signer: Signer, peer: Endpoint) -> set[str]:
    """Package ids installed on this peer."""
    args = lifecycle_pb2.QueryInstalledChaincodesArgs().SerializeToString()
    payload = await _ask(client, signer, peer, "", "_lifecycle", b"QueryInstalledChaincodes", args)
    found = lifecycle_pb2.QueryInstalledChaincodesResult.FromString(payload)
    return {package.package_id for package in found.installed_chaincodes}


async def install(client: Client, signer: Signer, peer: Endpoint, content: bytes) -> str:
    """Installs a package; answers the package id the peer computed."""
    args = lifecycle_pb2.InstallChaincodeArgs(chaincode_install_package=content)
    payload = await _ask(
        client, signer, peer, "", "_lifecycle", b"InstallChaincode", args.SerializeToString()
    )
    return str(lifecycle_pb2.InstallChaincodeResult.FromString(payload).package_id)


async def committed(
    client: Client, signer: Signer, peer: Endpoint, channel: str, name: str
) -> Definition | None:
    """The definition committed on a channel as this peer knows it, or None."""
    args = lifecycle_pb2.QueryChaincodeDefinitionsArgs().SerializeToString()
    payload = await _ask(
        client, signer, peer, channel, "_lifecycle", b"QueryChaincodeDefinitions", args
    )
    found = lifecycle_pb2.QueryChaincodeDefinitionsResult.FromString(payload)
    for entry in found.chaincode_definitions:
        if entry.name == name:
            return Definition(
                name=name,
                version=entry.version,
                sequence=entry.sequence,
                policy=entry.validation_parameter,
            )
    return None


async def approved_package(
    client: Client, signer: Signer, peer: Endpoint, channel: str, definition: Definition
) -> str | None:
    """The package id this org approved for exactly this definition, or None."""
    args = lifecycle_pb2.QueryApprovedChaincodeDefinitionArgs(
        name=definition.name, sequence=definition.sequence
    ).SerializeToString()
    try:
        payload = await _ask(
            client, signer, peer, channel, "_lifecycle", b"QueryApprovedChaincodeDefinition", args
        )
    except CallFailed as failure:
        if "could not fetch approved chaincode definition" in failure.reason:
            return None
        raise
    found = lifecycle_pb2.QueryApprovedChaincodeDefinitionResult.FromString(payload)
    same = (found.version, found.validation_parameter) == (definition.version, definition.policy)
    return str(found.source.local_package.package_id) if same else None


async def approve(
    client: Client,
    signer: Signer,
    peer: Endpoint,
    channel: ChannelAccess,
    definition: Definition,
    package_id: str,
) -> None:
    """One org's approval; its own peer endorses it."""
    local = lifecycle_pb2.ChaincodeSource.Local(package_id=package_id)
    args = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(
        sequence=definition.sequence,
        name=definition.name,
        version=definition.version,
        endorsement_plugin=_ENDORSEMENT_PLUGIN,
        validation_plugin=_VALIDATION_PLUGIN,
        validation_parameter=definition.policy,
        source=lifecycle_pb2.ChaincodeSource(local_package=local),
    )
    await _submit(
        client, signer, channel, (peer,), b"ApproveChaincodeDefinitionForMyOrg",
        args.SerializeToString(),
    )  # fmt: skip


async def commit(
    client: Client, signer: Signer, channel: ChannelAccess, definition: Definition
) -> None:
    """Commits the approved definition; the lifecycle policy asks a majority of orgs."""
    args = lifecycle_pb2.CommitChaincodeDefinitionArgs(
        sequence=definition.sequence,
        name=definition.name,
        version=definition.version,
        endorsement_plugin=_ENDORSEMENT_PLUGIN,
        validation_plugin=_VALIDATION_PLUGIN,
        validation_parameter=definition.policy,
    )
    await _submit(
        client, signer, channel, channel.endorsers, b"CommitChaincodeDefinition",
        args.SerializeToString(),
    )  # fmt: skip


async def _submit(
    client: Client,
    signer: Signer,
    channel: ChannelAccess,
    endorsers: Sequence[Endpoint],
    function: bytes,
    args: bytes,
) -> None:
    proposal = build_proposal(signer, channel.name, "_lifecycle", (function, args))
    await client.submit(
        signer,
        channel.name,
        proposal,
        endorsers=endorsers,
        orderers=channel.orderers,
        observers=channel.observers,
        acks=channel.acks,
    )
