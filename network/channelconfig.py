"""Reads a channel's configuration block: where its orderers and anchor peers say they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.peer import configuration_pb2 as peer_configuration_pb2

from network.rpc import Endpoint


def channel_endpoints(block: bytes) -> list[Endpoint]:
    """Every orderer and anchor peer that the configuration names, with its org's TLS roots."""
    group = _channel_group(block)
    found = []
    for section in ("Orderer", "Application"):
        for org in group.groups[section].groups.values():
            roots = _tls_roots(org)
            found += [Endpoint(a, a, roots) for a in (*_orderers(org), *_anchors(org))]
    return found


def _channel_group(block: bytes) -> configtx_pb2.ConfigGroup:
    data = common_pb2.Block.FromString(block).data.data[0]
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(data).payload)
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config.channel_group


def _tls_roots(org: configtx_pb2.ConfigGroup) -> bytes:
    msp = msp_config_pb2.MSPConfig.FromString(org.values["MSP"].value)
    fabric = msp_config_pb2.FabricMSPConfig.FromString(msp.config)
    return b"".join(fabric.tls_root_certs)


def _orderers(org: configtx_pb2.ConfigGroup) -> Iterator[str]:
    addresses = configuration_pb2.OrdererAddresses.FromString(org.values["Endpoints"].value)
    yield from addresses.addresses


def _anchors(org: configtx_pb2.ConfigGroup) -> Iterator[str]:
    anchors = peer_configuration_pb2.AnchorPeers.FromString(org.values["AnchorPeers"].value)
    for anchor in anchors.anchor_peers:
        yield f"{anchor.host}:{anchor.port}"
