"""Settings from one TOML file and the environment, checked all at once.

A part declares its own section as a `Section` with a `name`. The file has one table per section;
the environment variable `GATEWAY_<SECTION>_<FIELD>` overrides a field, lists separated by commas.
Secrets are never values here: settings name the files that hold them. A relative path in the file,
or by default, begins at the file's folder; one in the environment where the program was started.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast

import msgspec

from chaincode.model.base import Id, Org

ENVIRONMENT_PREFIX: Final = "GATEWAY_"

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
PositiveCount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Address = Annotated[str, msgspec.Meta(pattern=r"\A(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}\Z")]
"""``host:port``; an IPv6 host stands in brackets; port 0 lets the system choose."""


class SettingsError(Exception):
    """Every finding, not only the first."""

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(self.findings))


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a part's settings; `name` is its table in the file."""

    name: ClassVar[str]
    databases: ClassVar[tuple[str, ...]] = ()
    """Fields that hold the path of an SQLite file, or ``postgresql://...``."""

    def findings(self) -> list[str]:
        """What is wrong although each field is right, as ``field says what``."""
        return []


class GatewaySection(Section, frozen=True):
    """Whose gateway this is."""

    name = "gateway"
    org: Org
    operator_token_file: Path | None = None
    """Holds the operator's bearer token (at least 32 characters), mode 0600."""

    def findings(self) -> list[str]:
        """The token's file must be there and be nobody else's to read."""
        if self.operator_token_file is None:
            return []
        return secret_file_findings("operator_token_file", self.operator_token_file)


class FabricSection(Section, frozen=True):
    """The organisation's peers and the gateway's own identity."""

    name = "fabric"
    msp_id: str
    peers: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1)]
    tls_roots_file: Path
    certificate_file: Path
    key_file: Path
    channels: tuple[str, ...] = ()
    """Those to serve; none named: all that the peers have joined, new ones within seconds."""
    chaincode: str = "commonhold"
    communities: tuple[Id, ...] = ()
    """Those whose channel does not bear their own name."""
    endorsers: tuple[str, ...] = ()
    """MSPs whose peers are asked first; others the policy allows only when one does not answer."""

    def findings(self) -> list[str]:
        """Certificates must be there; the key must be nobody else's to read."""
        named = {"tls_roots_file": self.tls_roots_file, "certificate_file": self.certificate_file}
        missing = [f"{name} is not a file" for name, path in named.items() if not path.is_file()]
        return missing + secret_file_findings("key_file", self.key_file)


class HttpSection(Section, frozen=True):
    """Where the service listens. `operations_address` serves health and metrics, for the
    operator's network only."""

    name = "http"
    address: Address = "127.0.0.1:8080"
    operations_address: Address = "127.0.0.1:9080"
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    """Both or neither: without them a TLS proxy stands in front."""
    trusted_proxies_count: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    """How many proxies of our own append to X-Forwarded-For."""
    stop_s: Seconds = 30.0
    """How long a stop waits for what was accepted."""

    def findings(self) -> list[str]:
        """Certificate and key belong together."""
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            return ["tls_certificate_file and tls_key_file belong together"]
        found = (
            []
            if self.tls_key_file is None
            else [*secret_file_findings("tls_key_file", self.tls_key_file)]
        )
        if self.tls_certificate_file is not None and not self.tls_certificate_file.is_file():
            found.append("tls_certificate_file is not a file")
        return found


S = TypeVar("S", bound=Section)


class Settings:
    """All sections by their type."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = {type(section): section for section in sections}

    def of(self, kind: type[S]) -> S:
        """The section of this type."""
        return cast(S, self._sections[kind])


def load_settings(
    file: Path | None, environ: Mapping[str, str], kinds: Iterable[type[Section]]
) -> Settings:
    """Read every section. Raises SettingsError with all findings at once."""
    findings: list[str] = []
    tables = _tables(file, findings)
    sections = []
    known = {kind.name: kind for kind in kinds}
    findings += [f"[{name}] is no section" for name in tables if name not in known]
    folder = Path() if file is None else file.parent
    for name, kind in known.items():
        table = tables.get(name, {})
        if not isinstance(table, dict):
            findings.append(f"[{name}] must be a table")
            continue
        section = _section(kind, table, _from_environment(kind, environ), folder, findings)
        if section is not None:
            sections.append(section)
    if findings:
        raise SettingsError(findings)
    return Settings(sections)


def secret_file_findings(field: str, path: Path) -> list[str]:
    """What is wrong with a file that holds a secret."""
    if not path.is_file():
        return [f"{field} is not a file"]
    if path.stat().st_mode & 0o077:
        return [f"{field} may be read by others; its mode must be 0600"]
    return []


def _tables(file: Path | None, findings: list[str]) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        findings.append(f"{file} cannot be read: {error}")
        return {}


def _from_environment(kind: type[Section], environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        text = environ.get(f"{ENVIRONMENT_PREFIX}{kind.name}_{field.name}".upper())
        if text is not None:
            is_list = "tuple" in str(field.type)
            found[field.name] = [part.strip() for part in text.split(",")] if is_list else text
    return found


def _section(
    kind: type[S],
    table: Mapping[str, Any],
    environment: Mapping[str, Any],
    folder: Path,
    findings: list[str],
) -> S | None:
    given = {**table, **environment}
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found = [f"[{kind.name}] {name} is no setting" for name in given if name not in fields]
    values = {}
    for name, field in fields.items():
        if name not in given:
            if field.required:
                found.append(f"[{kind.name}] {name} is missing")
            continue
        try:
            values[name] = _value(given[name], field.type)
        except msgspec.ValidationError as error:
            found.append(f"[{kind.name}] {name}: {error}")
    if found:
        findings += found
        return None
    section = _placed(kind(**values), folder, environment)
    findings += [f"[{kind.name}] {finding}" for finding in section.findings()]
    return section


def _placed(section: S, folder: Path, elsewhere: Mapping[str, Any]) -> S:
    """The section with its relative paths beginning at the folder, but for fields `elsewhere`."""
    placed: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if name in elsewhere or not value:
            continue
        if isinstance(value, Path):
            placed[name] = folder / value
        elif name in section.databases and "://" not in value:
            placed[name] = str(folder / value)
    return msgspec.structs.replace(section, **placed)


def _value(given: Any, kind: Any) -> Any:
    return msgspec.convert(given, type=kind, strict=False, dec_hook=_path)


def _path(kind: type, given: Any) -> Any:
    if kind is Path and isinstance(given, str) and given:
        return Path(given)
    raise ValueError("must be a path")
