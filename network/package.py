"""The chaincode package: a small deterministic archive, the same for every org and without secrets.

Equal bytes give an equal package id, so any org can make the package itself and compare.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

PACKAGE_TYPE = "commonhold-service"  # what builder/bin/detect looks for


@dataclass(frozen=True, slots=True)
class Package:
    """A package as installed: its label, its id as the peers compute it, its bytes."""

    label: str
    package_id: str
    content: bytes


def build_package(name: str, version: str) -> Package:
    """The package of one chaincode version (Fabric docs, "Chaincode lifecycle", packaging)."""
    label = f"{name}_{version}"
    code = _archive({"chaincode.json": _json({"name": name, "version": version})})
    metadata = _json({"label": label, "path": "", "type": PACKAGE_TYPE})
    content = _archive({"metadata.json": metadata, "code.tar.gz": code})
    return Package(label, f"{label}:{hashlib.sha256(content).hexdigest()}", content)


def _json(value: dict[str, str]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(content))
    packed = io.BytesIO()
    # Stored, not compressed, and no name or time: the bytes must not depend on a zlib version.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=packed, mtime=0) as stored:
        stored.write(plain.getvalue())
    return packed.getvalue()
