"""Sealing personal data: AES-256-GCM, each field under its person's own key.

key file (mode 0600, outside the database) -> data key -> one key per person -> fields. Whoever has
the database alone reads nothing; forgetting a person is destroying one key (`vault`).
"""

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import GatewayError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SealBroken(GatewayError):
    """A sealed value is not what this key sealed for this place, or the key file is unfit."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of 256 bits that seals and opens."""

    data: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """A random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt for one place (table, row, column): moved elsewhere it does not open."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.data).encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt. Raises SealBroken."""
        nonce, content = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return AESGCM(self.data).decrypt(nonce, content, place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"{place} does not open") from None

    def index(self, purpose: str, text: str) -> str:
        """A keyed hash by which a value is found without being stored (hex)."""
        return hmac.new(self.data, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()


def load_key_file(path: Path) -> Key:
    """The key of a file that nobody else may read. Raises SealBroken."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SealBroken(f"others may read the key file {path}; set its mode to 0600")
        data = path.read_bytes()
    except OSError as error:
        raise SealBroken(f"the key file {path} cannot be read") from error
    if len(data) != KEY_BYTES:
        raise SealBroken(f"the key file {path} does not hold {KEY_BYTES} bytes")
    return Key(data)


def make_key_file(path: Path) -> Key:
    """Make the key file, mode 0600; one that is there is read instead. Raises SealBroken."""
    key = Key.new()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return load_key_file(path)
    except OSError as error:
        raise SealBroken(f"the key file {path} cannot be made") from error
    with os.fdopen(handle, "wb") as file:
        file.write(key.data)
        file.flush()
        os.fsync(file.fileno())
    return key
