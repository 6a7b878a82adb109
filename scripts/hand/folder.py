"""A person's folder: one private key, one credential, and every act signed with it.

    key.pem        the private key (P-256, PKCS#8), made here and never sent anywhere
    person.json    the secret and the device digest of the certification, later its bindings
    acts/NONCE     a signed act, kept before it is sent, and its answer once known

The folder has mode 0700, every file 0600; a key that others could read is not used.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity.bindings import Bindings
from scripts.hand.errors import BadInput

T = TypeVar("T", bound=msgspec.Struct)

KEY: Final = "key.pem"
PERSON: Final = "person.json"
ACTS: Final = "acts"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the credential. `secret` and `device` are made with the key."""

    secret: str
    device: str
    community: str = ""
    request_pem: str = ""
    role: str = ""
    bindings: Bindings | None = None
    certificate_pem: str = ""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What opens one unit's sealed choice."""

    salt: str
    choices: tuple[str, ...]


class KeptAct(msgspec.Struct, frozen=True, kw_only=True):
    """A signed act; the answer's fields are empty until it is known."""

    act: str
    community: str
    nonce: str
    sha256: str
    jws: str
    fields: dict[str, object]
    at: int
    tx_id: str = ""
    block_number: int | None = None
    openings: dict[str, Opening] = {}
    """By unit, where choices are sealed; never sent with the act itself."""


class Folder:
    """The folder of one key."""

    def __init__(self, path: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.path = path
        self.key = key

    @classmethod
    def create(cls, path: Path) -> "Folder":
        """Make a key. Raises BadInput if there is one; OSError."""
        if (path / KEY).exists():
            raise BadInput(f"{path} has a key already: one folder, one key, one credential")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        (path / ACTS).mkdir(exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(path, key)
        made.keep(Kept(secret=secrets.token_hex(16), device=secrets.token_hex(32)))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(path / KEY, pem)
        return made

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """The folder made earlier.

        Raises BadInput: there is no key, others could read it, or it is none.
        """
        file = path / KEY
        try:
            mode = file.stat().st_mode
            if mode & OTHERS:
                raise BadInput(f"{file} has mode {stat.S_IMODE(mode):04o}: others can read it")
            key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except OSError as error:
            raise BadInput(
                f"no key in {path} ({error.strerror}): `act key new` makes one"
            ) from None
        except (ValueError, TypeError):
            raise BadInput(f"{file} is no private key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise BadInput(f"{file} is no P-256 key")
        return cls(path, key)

    def kept(self) -> Kept:
        """What is known of the credential. Raises BadInput."""
        return _load(self.path / PERSON, Kept)

    def keep(self, kept: Kept) -> None:
        """Keep it."""
        _write(self.path / PERSON, msgspec.json.encode(kept))

    def keep_act(self, act: KeptAct) -> None:
        """Keep a signed act, or its answer."""
        _write(self.path / ACTS / act.nonce, msgspec.json.encode(act))

    def act(self, nonce: str) -> KeptAct:
        """A signed act. Raises BadInput: there is none with this nonce."""
        if not nonce.isalnum():
            raise BadInput(f"{nonce!r} is no nonce")
        return _load(self.path / ACTS / nonce, KeptAct)

    def acts(self) -> list[KeptAct]:
        """Every act signed with this key, oldest first."""
        files = (self.path / ACTS).glob("[0-9a-f]*")
        return sorted((_load(file, KeptAct) for file in files), key=lambda one: one.at)


def _load(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError):
        raise BadInput(f"{file} cannot be read") from None


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, on disk, mode 0600."""
    part = file.with_name(f".{file.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
