"""The result package (交接材料): what an office's own system is handed when a result is final."""

import hashlib
from typing import Any, Final

import msgspec

from gateway.projection.documents import named_hashes
from gateway.projection.readmodel import ReadModel
from gateway.routes import API

CERTIFICATE_HASHES: Final = ("result_sha256", "ballots_sha256", "roll_id")


class PackageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the motion, to be fetched by its hash."""

    sha256: str
    media_type: str
    bytes_count: int
    path: str


class ResultPackage(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate as it is on the ledger, the motion's documents, and every hash that proves
    them; paths are of this gateway."""

    motion_id: str
    certificate: Any
    certificate_sha256: str
    certificate_tx: str
    hashes: dict[str, str]
    documents: list[PackageDocument]
    certificate_pdf_path: str
    counted_ballots_path: str


async def result_package(model: ReadModel, community: str, motion_id: str) -> ResultPackage | None:
    """The package of a final motion, None before its result is final.

    Raises NotFound ``community/unknown``, DatabaseUnavailable.
    """
    _, record = await model.record(community, f"{community}/certificate/{motion_id}")
    if record is None:
        return None
    certificate = record.value
    root = f"{API}/communities/{community}"
    canonical = msgspec.json.encode(certificate, order="sorted")
    found = {one.sha256: one for one in named_hashes(certificate["motion"]) if one.media_type}
    return ResultPackage(
        motion_id=motion_id,
        certificate=certificate,
        certificate_sha256=hashlib.sha256(canonical).hexdigest(),
        certificate_tx=record.tx_id,
        hashes={name: certificate[name] for name in CERTIFICATE_HASHES},
        documents=[
            PackageDocument(
                sha256=one.sha256,
                media_type=one.media_type,
                bytes_count=one.bytes_count,
                path=f"{root}/attachments/{one.sha256}",
            )
            for one in found.values()
        ],
        certificate_pdf_path=f"{root}/motions/{motion_id}/certificate.pdf",
        counted_ballots_path=f"{root}/motions/{motion_id}/counted-ballots",
    )
