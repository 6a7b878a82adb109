"""Who holds every key of a network, and makes changed blocks that fit together again.

What an attacker without keys changes dies by a hash or a signature. To show that the figures are
worked out as well, the forger signs again what was changed: as the orderers, as the peers, as the
organisations' clients. Keys of persons it has none.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from tests.verify.verifier import Archive, verifier

CONTRACT = "commonhold"


@dataclass
class Parts:
    """A transaction of the contract taken apart; what is changed here is put together again."""

    payload: Any
    header: Any
    signature: Any
    proposal: Any
    spec: Any
    answer: Any
    action: Any
    rwset: dict[str, Any]
    endorsers: list[bytes]
    client_signature: bytes
    note: str = ""
    """What was changed."""

    @property
    def writes(self) -> Any:
        """The public writes of the contract."""
        return self.rwset[CONTRACT].writes

    @property
    def args(self) -> Any:
        return self.spec.chaincode_spec.input.args


@dataclass
class Forger:
    """Private keys by certificate (PEM), and whose they are (`bank/users/gateway`)."""

    keys: dict[bytes, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path) -> "Forger":
        """Every identity below a network's home."""
        found = cls()
        for certificate in home.glob("orgs/**/msp/signcerts/*.pem"):
            stored = next((certificate.parents[1] / "keystore").iterdir())
            key = load_pem_private_key(stored.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            found.keys[certificate.read_bytes()] = key
            found.names[certificate.read_bytes()] = str(
                certificate.parents[2].relative_to(home / "orgs")
            )
        return found

    def sign(self, pem: bytes, data: bytes) -> bytes:
        """A signature as Fabric takes it, with the lower s."""
        r, s = decode_dss_signature(self.keys[pem].sign(data, ec.ECDSA(hashes.SHA256())))
        return encode_dss_signature(r, min(s, verifier.P256_ORDER - s))

    # --- Transactions ---

    def changed(self, envelope: bytes, change: Callable[[Parts], object]) -> bytes:
        """The transaction with something changed; signed anew by client and endorsers."""
        parts = take_apart(envelope)
        change(parts)
        return self.assembled(parts)

    def assembled(self, parts: Parts, *, endorse: bool = True, sign: bool = True) -> bytes:
        """The parts put together again; without `endorse` or `sign` the old signatures stay."""
        parts.header.tx_id = _sha256(parts.signature.nonce + parts.signature.creator).hex()
        header = parts.payload.header
        header.channel_header = parts.header.SerializeToString()
        header.signature_header = parts.signature.SerializeToString()
        transaction = transaction_pb2.Transaction.FromString(parts.payload.data)
        inside = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
        parts.proposal.input = parts.spec.SerializeToString()
        inside.chaincode_proposal_payload = parts.proposal.SerializeToString()
        transaction.actions[0].header = header.signature_header
        asked = header.channel_header + header.signature_header + inside.chaincode_proposal_payload
        parts.answer.proposal_hash = _sha256(asked)
        parts.action.results = _rwset_bytes(parts.action.results, parts.rwset)
        parts.answer.extension = parts.action.SerializeToString()
        said = parts.answer.SerializeToString()
        inside.action.proposal_response_payload = said
        if endorse:
            del inside.action.endorsements[:]
            inside.action.endorsements.extend(self._endorsed(one, said) for one in parts.endorsers)
        transaction.actions[0].payload = inside.SerializeToString()
        parts.payload.data = transaction.SerializeToString()
        payload, signature = parts.payload.SerializeToString(), parts.client_signature
        if sign:
            client = identities_pb2.SerializedIdentity.FromString(parts.signature.creator)
            signature = self.sign(client.id_bytes, payload)
        return bytes(common_pb2.Envelope(payload=payload, signature=signature).SerializeToString())

    def _endorsed(self, endorser: bytes, said: bytes) -> Any:
        pem = identities_pb2.SerializedIdentity.FromString(endorser).id_bytes
        signature = self.sign(pem, said + endorser)
        return proposal_response_pb2.Endorsement(endorser=endorser, signature=signature)

    # --- Blocks ---

    def resealed(self, archive: Archive, blocks: Sequence[Any], first: int = 1) -> Archive:
        """The archive with blocks chained and signed anew by the orderers from `first` on."""
        data = [block.SerializeToString(deterministic=True) for block in blocks]
        made = [*archive.blocks[:first], *self.resealing(archive, data, first)]
        last = common_pb2.Block.FromString(made[-1])
        tip = _sha256(verifier.header_bytes(last.header)).hex()
        return verifier.Archive(archive.channel, len(made), tip, tuple(made))

    def resealing(self, archive: Archive, blocks: Sequence[bytes], first: int) -> Iterator[bytes]:
        """The same, one by one from `first` on; the peers' marks stay as they are."""
        before = common_pb2.Block.FromString(blocks[first - 1])
        previous, orderers = _sha256(verifier.header_bytes(before.header)), consenters(archive)
        for number in range(first, len(blocks)):
            block = common_pb2.Block.FromString(blocks[number])
            block.header.number = number
            block.header.previous_hash = previous
            block.header.data_hash = _sha256(b"".join(block.data.data))
            self._reseal(block, orderers)
            previous = _sha256(verifier.header_bytes(block.header))
            yield block.SerializeToString(deterministic=True)

    def _reseal(self, block: Any, orderers: dict[int, bytes]) -> None:
        metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
        for one in metadata.signatures:
            number = common_pb2.IdentifierHeader.FromString(one.identifier_header).identifier
            data = metadata.value + one.identifier_header + verifier.header_bytes(block.header)
            one.signature = self.sign(orderers[number], data)
        block.metadata.metadata[0] = metadata.SerializeToString(deterministic=True)


def consenters(archive: Archive) -> dict[int, bytes]:
    """The orderers' certificates by identifier, as the first block has them."""
    payload = common_pb2.Payload.FromString(envelopes(archive, 0)[0].payload)
    envelope = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    config = verifier.ChannelConfig(envelope.config)
    return {number: pem for number, (_, pem) in config.consenters.items()}


def envelopes(archive: Archive, number: int) -> list[Any]:
    """The transactions of a block."""
    block = common_pb2.Block.FromString(archive.blocks[number])
    return [common_pb2.Envelope.FromString(data) for data in block.data.data]


def blocks_of(archive: Archive) -> list[Any]:
    """All blocks as messages that may be changed."""
    return [common_pb2.Block.FromString(data) for data in archive.blocks]


def take_apart(envelope: bytes) -> Parts:
    """A transaction of a chaincode as its parts."""
    signed = common_pb2.Envelope.FromString(envelope)
    payload = common_pb2.Payload.FromString(signed.payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    inside = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    proposal = proposal_pb2.ChaincodeProposalPayload.FromString(inside.chaincode_proposal_payload)
    answer = proposal_response_pb2.ProposalResponsePayload.FromString(
        inside.action.proposal_response_payload
    )
    action = proposal_pb2.ChaincodeAction.FromString(answer.extension)
    results = rwset_pb2.TxReadWriteSet.FromString(action.results)
    return Parts(
        payload=payload,
        header=common_pb2.ChannelHeader.FromString(payload.header.channel_header),
        signature=common_pb2.SignatureHeader.FromString(payload.header.signature_header),
        proposal=proposal,
        spec=verifier.chaincode_pb2.ChaincodeInvocationSpec.FromString(proposal.input),
        answer=answer,
        action=action,
        rwset={
            one.namespace: kv_rwset_pb2.KVRWSet.FromString(one.rwset) for one in results.ns_rwset
        },
        endorsers=[one.endorser for one in inside.action.endorsements],
        client_signature=signed.signature,
    )


def _rwset_bytes(results: bytes, parts: dict[str, Any]) -> bytes:
    found = rwset_pb2.TxReadWriteSet.FromString(results)
    for one in found.ns_rwset:
        one.rwset = parts[one.namespace].SerializeToString()
    return bytes(found.SerializeToString())


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
