"""Who signed a transaction: MSP, certificate and the attributes Fabric CA wrote into it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2
from google.protobuf.message import DecodeError

from chaincode.shim.errors import ProposalError

FABRIC_CA_ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
"""Certificate extension of Fabric CA: JSON `{"attrs": {name: value}}` (fabric-ca users guide)."""


@dataclass(frozen=True)
class Creator:
    """The client that signed the proposal; its MSP vouched for the certificate to the peer.

    `certificate_pem` is parsed only when a property that needs it is read.
    """

    msp_id: str
    certificate_pem: bytes

    @classmethod
    def parse(cls, serialized: bytes) -> "Creator":
        """Return the creator of a serialized identity.

        Raises:
            ProposalError: the bytes are not a serialized identity.
        """
        try:
            identity = identities_pb2.SerializedIdentity.FromString(serialized)
        except DecodeError:
            raise ProposalError("the creator is not a serialized identity") from None
        return cls(msp_id=identity.mspid, certificate_pem=identity.id_bytes)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The X.509 certificate.

        Raises:
            ProposalError: the identity holds no PEM certificate.
        """
        try:
            return x509.load_pem_x509_certificate(self.certificate_pem)
        except ValueError:
            raise ProposalError("the creator holds no PEM certificate") from None

    @cached_property
    def common_name(self) -> str:
        """The subject's common name: the enrolment id at a Fabric CA; empty when there is none."""
        names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """The attributes Fabric CA certified for this client; empty when there are none.

        Raises:
            ProposalError: the extension is not the JSON that Fabric CA writes.
        """
        try:
            extension = self.certificate.extensions.get_extension_for_oid(FABRIC_CA_ATTRIBUTES)
            return MappingProxyType(_attributes(extension.value))
        except x509.ExtensionNotFound:
            return MappingProxyType({})
        except ValueError:
            raise ProposalError("the creator's attributes cannot be read") from None


def _attributes(extension: x509.ExtensionType) -> dict[str, str]:
    assert isinstance(extension, x509.UnrecognizedExtension)
    document = json.loads(extension.value)
    attributes = document.get("attrs") if isinstance(document, dict) else None
    if not isinstance(attributes, dict):
        raise ValueError("no attrs")  # noqa: TRY004 - one error for every unreadable extension
    if not all(isinstance(value, str) for value in attributes.values()):
        raise ValueError("a value is not text")
    return attributes
