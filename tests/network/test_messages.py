"""Signed messages and policies: the bytes that peers and orderers are given."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from fabric_protos.common import common_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import policy_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from network.ca.keys import new_key
from network.config import Endorsement
from network.envelopes import (
    MismatchError,
    Signer,
    build_proposal,
    build_seek,
    build_transaction,
    is_success,
)
from network.policy import application_policy
from network.rpc import acks_needed

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MSPS = {"bank": "BankMSP", "court": "CourtMSP", "prop": "PropMSP", "reg": "RegMSP"}


@pytest.fixture
def signer() -> Signer:
    return Signer("BankMSP", b"certificate", new_key())


def response(payload: bytes, status: int = 200) -> proposal_response_pb2.ProposalResponse:
    return proposal_response_pb2.ProposalResponse(
        payload=payload,
        response=proposal_response_pb2.Response(status=status),
        endorsement=proposal_response_pb2.Endorsement(endorser=b"e", signature=b"s"),
    )


def test_signatures_are_low_s_and_verify(signer: Signer) -> None:
    for number in range(40):
        message = str(number).encode()
        signature = signer.sign(message)
        _, s = decode_dss_signature(signature)
        assert s <= P256_ORDER // 2
        signer.key.public_key().verify(signature, message, ECDSA(SHA256()))


def test_a_proposal_is_signed_and_its_id_binds_nonce_and_creator(signer: Signer) -> None:
    made = build_proposal(signer, "one", "commonhold", (b"f", b"x"))
    raw = made.signed.proposal_bytes
    signer.key.public_key().verify(made.signed.signature, raw, ECDSA(SHA256()))
    header = common_pb2.Header.FromString(proposal_pb2.Proposal.FromString(raw).header)
    channel = common_pb2.ChannelHeader.FromString(header.channel_header)
    signature = common_pb2.SignatureHeader.FromString(header.signature_header)
    creator = identities_pb2.SerializedIdentity.FromString(signature.creator)
    assert (channel.channel_id, channel.type) == ("one", common_pb2.ENDORSER_TRANSACTION)
    assert (creator.mspid, creator.id_bytes) == ("BankMSP", b"certificate")
    bound = hashlib.sha256(signature.nonce + signature.creator).hexdigest()
    assert channel.tx_id == made.tx_id == bound
    with pytest.raises(InvalidSignature):
        signer.key.public_key().verify(made.signed.signature, raw + b"x", ECDSA(SHA256()))


def test_two_proposals_never_have_one_id(signer: Signer) -> None:
    ids = {build_proposal(signer, "one", "commonhold", (b"f",)).tx_id for _ in range(50)}
    assert len(ids) == 50


def test_a_transaction_carries_every_endorsement(signer: Signer) -> None:
    proposal = build_proposal(signer, "one", "commonhold", (b"f",))
    envelope = build_transaction(signer, proposal, [response(b"same"), response(b"same")])
    signer.key.public_key().verify(envelope.signature, envelope.payload, ECDSA(SHA256()))
    payload = common_pb2.Payload.FromString(envelope.payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    assert len(action.action.endorsements) == 2
    assert action.action.proposal_response_payload == b"same"


@pytest.mark.parametrize("payloads", [[b"a", b"b"], [b"a", b"a", b"b"], []])
def test_endorsers_that_disagree_make_no_transaction(signer: Signer, payloads: list[bytes]) -> None:
    proposal = build_proposal(signer, "one", "commonhold", (b"f",))
    with pytest.raises(MismatchError):
        build_transaction(signer, proposal, [response(payload) for payload in payloads])


@pytest.mark.parametrize(("status", "success"), [(200, True), (199, False), (400, False),
                                                 (500, False), (0, False)])  # fmt: skip
def test_only_200_is_success(status: int, success: bool) -> None:
    assert is_success(response(b"", status)) is success


def test_a_seek_asks_from_the_newest_block_without_end(signer: Signer) -> None:
    payload = common_pb2.Payload.FromString(build_seek(signer, "one").payload)
    seek = ab_pb2.SeekInfo.FromString(payload.data)
    assert seek.start.HasField("newest")
    assert seek.stop.specified.number == 2**64 - 1
    assert seek.behavior == ab_pb2.SeekInfo.BLOCK_UNTIL_READY


@pytest.mark.parametrize(("kind", "orderers", "acks"), [
    ("raft", 1, 1), ("raft", 5, 1),
    ("bft", 4, 3), ("bft", 5, 4), ("bft", 6, 4), ("bft", 7, 5), ("bft", 10, 7), ("bft", 13, 9),
])  # fmt: skip
def test_acks_are_a_bft_quorum_or_one(kind: str, orderers: int, acks: int) -> None:
    assert acks_needed(kind, orderers) == acks


def satisfied(policy: bytes, present: set[str]) -> bool:
    """Evaluates a signature policy as Fabric does, for orgs that endorsed."""
    envelope = policy_pb2.ApplicationPolicy.FromString(policy).signature_policy
    names = []
    for identity in envelope.identities:
        role = msp_principal_pb2.MSPRole.FromString(identity.principal)
        assert role.role == msp_principal_pb2.MSPRole.PEER
        names.append(role.msp_identifier)

    def holds(rule: policies_pb2.SignaturePolicy) -> bool:
        if rule.HasField("n_out_of"):
            return sum(holds(part) for part in rule.n_out_of.rules) >= rule.n_out_of.n
        return names[rule.signed_by] in present

    return holds(envelope.rule)


@pytest.mark.parametrize(
    ("present", "strict", "substituted"),
    [
        ("bank court prop", True, True),
        ("bank court prop reg", True, True),
        ("bank court reg", False, True),
        ("bank prop reg", False, True),
        ("court prop reg", False, True),
        ("bank court", False, False),
        ("bank reg", False, False),
        ("reg", False, False),
        ("", False, False),
    ],
)
def test_the_substitute_stands_in_for_one_silent_org(
    present: str, strict: bool, substituted: bool
) -> None:
    orgs = {MSPS[name] for name in present.split()}
    require = ("bank", "court", "prop")
    alone = application_policy(Endorsement(require=require, substitute=None), MSPS)
    helped = application_policy(Endorsement(require=require, substitute="reg"), MSPS)
    assert satisfied(alone, orgs) is strict
    assert satisfied(helped, orgs) is substituted


def test_equal_rules_are_equal_bytes() -> None:
    rule = Endorsement(require=("bank", "court"), substitute="reg")
    assert application_policy(rule, MSPS) == application_policy(rule, dict(reversed(MSPS.items())))
