"""Endorsement rules of the YAML as Fabric signature policies.

`require` alone is AND(all). With a substitute it is
OR(AND(all), AND(substitute, OutOf(n - 1, all))): the substitute stands in for one silent org.
"""

from __future__ import annotations

from collections.abc import Mapping

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import policy_pb2

from network.config import Endorsement


def application_policy(endorsement: Endorsement, msp_ids: Mapping[str, str]) -> bytes:
    """The serialized ApplicationPolicy; equal rules give equal bytes. `msp_ids`: org -> MSP id."""
    orgs = [*endorsement.require]
    required = [policies_pb2.SignaturePolicy(signed_by=i) for i in range(len(orgs))]
    rule = _out_of(len(required), required)
    if endorsement.substitute:
        substitute = policies_pb2.SignaturePolicy(signed_by=len(orgs))
        orgs.append(endorsement.substitute)
        stand_in = _out_of(2, [substitute, _out_of(len(required) - 1, required)])
        rule = _out_of(1, [rule, stand_in])
    envelope = policies_pb2.SignaturePolicyEnvelope(
        rule=rule, identities=[_any_peer(msp_ids[org]) for org in orgs]
    )
    policy = policy_pb2.ApplicationPolicy(signature_policy=envelope)
    return bytes(policy.SerializeToString(deterministic=True))


def _out_of(count: int, rules: list[policies_pb2.SignaturePolicy]) -> policies_pb2.SignaturePolicy:
    many = policies_pb2.SignaturePolicy.NOutOf(n=count, rules=rules)
    return policies_pb2.SignaturePolicy(n_out_of=many)


def _any_peer(msp_id: str) -> msp_principal_pb2.MSPPrincipal:
    role = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.PEER)
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
        principal=role.SerializeToString(),
    )
