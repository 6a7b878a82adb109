"""Asks a peer whether it knows enough others to endorse: the last thing a fresh channel needs.

Until gossip has brought the peers together, Fabric's gateway refuses every transaction with
"no combination of peers can be derived"; the discovery service it relies on says so beforehand.
"""

from __future__ import annotations

import grpc
import grpc.aio
from fabric_protos.discovery import protocol_pb2
from fabric_protos.peer import proposal_response_pb2

from network.envelopes import Signer
from network.rpc import Client, Endpoint

_DISCOVER = "/discovery.Discovery/Discover"


async def can_endorse(
    client: Client, signer: Signer, peer: Endpoint, channel: str, chaincode: str
) -> bool:
    """Whether this peer sees peers that satisfy the chaincode's endorsement policy."""
    interest = proposal_response_pb2.ChaincodeInterest(
        chaincodes=[proposal_response_pb2.ChaincodeCall(name=chaincode)]
    )
    query = protocol_pb2.Query(
        channel=channel, cc_query=protocol_pb2.ChaincodeQuery(interests=[interest])
    )
    request = protocol_pb2.Request(
        authentication=protocol_pb2.AuthInfo(client_identity=signer.creator), queries=[query]
    )
    payload = request.SerializeToString()
    signed = protocol_pb2.SignedRequest(payload=payload, signature=signer.sign(payload))
    call = client.channel(peer).unary_unary(
        _DISCOVER,
        request_serializer=protocol_pb2.SignedRequest.SerializeToString,
        response_deserializer=protocol_pb2.Response.FromString,
    )
    try:
        response = await call(signed, timeout=client.timeout_s)
    except grpc.aio.AioRpcError:
        return False
    return all(result.HasField("cc_query_res") for result in response.results)
