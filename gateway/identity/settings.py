"""Settings of logging in (every gateway) and of certifying (the regulator's)."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from gateway.settings import Seconds, Section, secret_file_findings

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
DAYS_MAX: Final = 5 * 365
"""The ledger takes no credential that is valid for longer."""


class LoginSection(Section, frozen=True):
    """Logging in. Without `audience` and `database` nobody can."""

    name = "login"
    databases = ("database",)
    audience: str = ""
    """This gateway as browsers see it, an origin: ``https://vote.example``. Statements for
    another are refused."""
    database: str = ""
    """Path of an SQLite file, or ``postgresql://...`` without a password (use a pgpass file)."""
    is_embedded: bool = False
    """Pages stand in frames of other sites: cookies become SameSite=None and Partitioned, and only
    CSRF tokens and the Origin header tell our own pages from others."""
    session_s: Seconds = 8 * 3600.0
    idle_s: Seconds = 15 * 60.0
    """A session unused for so long is over; a bearer token lasts no longer at all."""

    def findings(self) -> list[str]:
        """Both or neither; the audience is an origin that cannot be listened to."""
        if bool(self.audience) != bool(self.database):
            return ["audience and database belong together"]
        found = _database_findings(self.database)
        if self.audience and not is_origin(self.audience):
            found.append("audience is no https origin (nor http on this machine)")
        return found


class IdentitySection(Section, frozen=True):
    """Certifying: the identity database, the provider, the CA. The regulator's gateway only."""

    name = "identity"
    databases = ("database",)
    database: str = ""
    """As in [login]; personal data is kept here, sealed, and nowhere else."""
    key_file: Path | None = None
    """Unwraps the database's key: 32 bytes, mode 0600, kept apart from the database."""
    provider_url: str = ""
    provider_token_file: Path | None = None
    provider_roots_file: Path | None = None
    provider_certificate_file: Path | None = None
    provider_key_file: Path | None = None
    provider_s: Seconds = 10.0
    """How long one call of the provider may take."""
    ca_url: str = ""
    ca_name: str = "ca"
    ca_tls_root_file: Path | None = None
    ca_registrar: str = "registrar"
    """Who registers at the CA: an identity that may register the type `person`."""
    ca_registrar_secret_file: Path | None = None
    credential_days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)] = 365

    @property
    def is_on(self) -> bool:
        """Whether this gateway certifies."""
        return bool(self.database)

    def findings(self) -> list[str]:
        """All or nothing; secrets must be nobody else's to read."""
        needed = {
            "database": self.database,
            "key_file": self.key_file,
            "provider_url": self.provider_url,
            "provider_token_file": self.provider_token_file,
            "ca_url": self.ca_url,
            "ca_tls_root_file": self.ca_tls_root_file,
            "ca_registrar_secret_file": self.ca_registrar_secret_file,
        }
        if not any(needed.values()):
            return []
        found = [f"{name} is missing" for name, value in needed.items() if not value]
        for name in ("key_file", "provider_token_file", "ca_registrar_secret_file"):
            path = getattr(self, name)
            found += secret_file_findings(name, path) if path else []
        if self.provider_url and not is_origin(self.provider_url):
            found.append("provider_url is no https origin (nor http on this machine)")
        if (self.provider_certificate_file is None) != (self.provider_key_file is None):
            found.append("provider_certificate_file and provider_key_file belong together")
        if self.provider_key_file is not None:
            found += secret_file_findings("provider_key_file", self.provider_key_file)
        return found + _database_findings(self.database)


def is_origin(text: str) -> bool:
    """Whether it is scheme, host and port alone, and https unless it stays on this machine."""
    try:
        parts = urlsplit(text)
        is_bare = text == f"{parts.scheme}://{parts.netloc}" and bool(parts.hostname)
        has_user = "@" in parts.netloc
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return is_bare and is_safe and not has_user


def _database_findings(address: str) -> list[str]:
    if "://" in address and urlsplit(address).password:
        return ["database names a password; put it in a pgpass file"]
    return []
