"""Key-level endorsement policies: who must endorse the next change of one key.

Source: Fabric "State-based endorsement"; fabric-chaincode-go `pkg/statebased`.
"""

from collections.abc import Iterable
from enum import Enum

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

from chaincode.shim.errors import UsageError


class SignerRole(Enum):
    """Which certificates of an organisation count."""

    PEER = msp_principal_pb2.MSPRole.PEER
    MEMBER = msp_principal_pb2.MSPRole.MEMBER


def signed_by_all(msp_ids: Iterable[str], role: SignerRole = SignerRole.PEER) -> bytes:
    """Return the policy that one `role` of each of `msp_ids` must endorse.

    The bytes are the same whatever the order or repetition of `msp_ids`, as endorsers must agree.

    Raises:
        UsageError: no MSP, or an empty MSP id.
    """
    names = sorted(set(msp_ids))
    if not all(names) or not names:
        raise UsageError("a key-level policy names at least one MSP, each by its id")
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(names))]
    policy = policies_pb2.SignaturePolicyEnvelope(
        version=0,
        rule=policies_pb2.SignaturePolicy(
            n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=len(names), rules=rules)
        ),
        identities=[_principal(name, role) for name in names],
    )
    encoded: bytes = policy.SerializeToString(deterministic=True)
    return encoded


def _principal(msp_id: str, role: SignerRole) -> msp_principal_pb2.MSPPrincipal:
    signer = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=role.value)
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
        principal=signer.SerializeToString(deterministic=True),
    )
