"""What a user of hfc 1.0.0 does; runs in an environment of its own and answers JSON.

client.py PROFILE query PEER CHANNEL CHAINCODE FUNCTION ARG...
client.py PROFILE invoke PEERS CHANNEL CHAINCODE FUNCTION ARG...    (PEERS: separated by commas)
client.py PROFILE info PEER CHANNEL
client.py PROFILE enroll ID SECRET
client.py PROFILE register ID SECRET NEW-ID
"""

import asyncio
import hashlib
import json
import sys
from typing import Any

if sys.version_info >= (3, 12):  # hfc imports a private module that Python 3.12 dropped
    sys.modules["_sha256"] = hashlib

from cryptography import x509
from hfc.fabric import Client  # type: ignore[import-not-found]
from hfc.fabric_ca.caservice import ca_service  # type: ignore[import-not-found]


def authority(client: Any) -> Any:
    """The CA service of the profile's own org, found as hfc's users find it."""
    (name,) = client.get_net_info("certificateAuthorities")
    entry = client.get_net_info("certificateAuthorities", name)
    return ca_service(
        target=entry["url"], ca_certs_path=entry["tlsCACerts"]["path"], ca_name=entry["caName"]
    )


async def query(
    client: Any, user: Any, peer: str, channel: str, chaincode: str, function: str, *args: str
) -> Any:
    client.new_channel(channel)
    return await client.chaincode_query(
        requestor=user, channel_name=channel, peers=[peer], args=list(args),
        cc_name=chaincode, fcn=function,
    )  # fmt: skip


async def invoke(
    client: Any, user: Any, peers: str, channel: str, chaincode: str, function: str, *args: str
) -> Any:
    client.new_channel(channel)
    return await client.chaincode_invoke(
        requestor=user, channel_name=channel, peers=peers.split(","), args=list(args),
        cc_name=chaincode, fcn=function,
    )  # fmt: skip


async def info(client: Any, user: Any, peer: str, channel: str) -> Any:
    client.new_channel(channel)
    found = await client.query_info(requestor=user, channel_name=channel, peers=[peer])
    return found.height


async def enroll(client: Any, user: Any, enrollment_id: str, secret: str) -> str:
    enrollment = authority(client).enroll(enrollment_id, secret)
    certificate = x509.load_pem_x509_certificate(enrollment.cert)
    return certificate.subject.rfc4514_string()


async def register(client: Any, user: Any, enrollment_id: str, secret: str, new_id: str) -> Any:
    return authority(client).enroll(enrollment_id, secret).register(new_id)


async def main(profile: str, what: str, *args: str) -> Any:
    client = Client(net_profile=profile)
    user = client.get_user(client.get_net_info("client", "organization"), "user")
    actions = {one.__name__: one for one in (query, invoke, info, enroll, register)}
    return await actions[what](client, user, *args)


if __name__ == "__main__":
    try:
        answer = {"answer": asyncio.run(main(*sys.argv[1:]))}
    except Exception as problem:  # the test asserts which
        answer = {"error": type(problem).__name__, "text": str(problem)}
    sys.stdout.write(json.dumps(answer) + "\n")
