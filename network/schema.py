"""Reads plain YAML values against a declared shape and notes every finding, never just the first.

A shape is a tree of `Spec`s. `Spec.read` answers the typed value, or a stand-in of the right type
after a finding was noted, so that reading goes on and one run shows all that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_UNITS_BYTES = {"KB": 1 << 10, "MB": 1 << 20}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with the configuration: where (`orgs.bank.peers`) and what, in a sentence."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class ConfigErrors(ValueError):
    """The configuration cannot be used; carries every finding."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in findings))


@dataclass(slots=True)
class Findings:
    """Collects findings while a document is read."""

    noted: list[Finding] = field(default_factory=list)

    def note(self, path: str, problem: str) -> None:
        self.noted.append(Finding(path, problem))

    def raise_any(self) -> None:
        """Raises ConfigErrors when anything was noted."""
        if self.noted:
            raise ConfigErrors(self.noted)


class Spec(Protocol):
    """What one value of the document must look like."""

    def read(self, value: object, path: str, findings: Findings) -> Any: ...

    def stand_in(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string that matches `pattern` as a whole; `sentence` says so to people."""

    pattern: str
    sentence: str

    def read(self, value: object, path: str, findings: Findings) -> str:
        text = str(value) if isinstance(value, int | float) else value
        if isinstance(value, bool) or not isinstance(text, str):
            findings.note(path, f"must be text: {self.sentence}")
        elif not re.fullmatch(self.pattern, text):
            findings.note(path, f"{text!r} must be {self.sentence}")
        else:
            return text
        return self.stand_in()

    def stand_in(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def read(self, value: object, path: str, findings: Findings) -> int:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return value
        findings.note(path, f"must be a whole number from {self.low} to {self.high}")
        return self.stand_in()

    def stand_in(self) -> int:
        return self.low


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit, as `50ms` or `10MB`; answers it in the smallest unit."""

    units: Mapping[str, int]
    low: str
    high: str

    def read(self, value: object, path: str, findings: Findings) -> int:
        measured = self._parse(value)
        if measured is None or not self.stand_in() <= measured <= (self._parse(self.high) or 0):
            units = ", ".join(self.units)
            findings.note(path, f"must be {self.low} to {self.high}, with a unit ({units})")
            return self.stand_in()
        return measured

    def stand_in(self) -> int:
        return self._parse(self.low) or 0

    def _parse(self, value: object) -> int | None:
        match = re.fullmatch(r"(\d{1,9})\s*([A-Za-z]+)", value) if isinstance(value, str) else None
        factor = self.units.get(match[2]) if match else None
        return int(match[1]) * factor if match and factor else None


def duration(low: str, high: str) -> Measure:
    """A span of time, read into milliseconds."""
    return Measure(_UNITS_MS, low, high)


def size(low: str, high: str) -> Measure:
    """An amount of memory, read into bytes."""
    return Measure(_UNITS_BYTES, low, high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object, path: str, findings: Findings) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        findings.note(path, f"must be one of: {', '.join(self.words)}")
        return self.stand_in()

    def stand_in(self) -> str:
        return self.words[0]


@dataclass(frozen=True, slots=True)
class Auto:
    """The word `auto`, read as None, or a value of `inner`."""

    inner: Spec

    def read(self, value: object, path: str, findings: Findings) -> Any:
        return None if value == "auto" else self.inner.read(value, path, findings)

    def stand_in(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `inner`, `low` to `high` long, without repeats."""

    inner: Spec
    low: int
    high: int
    repeats: bool = False

    def read(self, value: object, path: str, findings: Findings) -> list[Any]:
        if not isinstance(value, list) or not self.low <= len(value) <= self.high:
            findings.note(path, f"must be a list of {self.low} to {self.high} entries")
            return self.stand_in()
        for index, entry in enumerate(value):
            if not self.repeats and entry in value[:index]:
                findings.note(f"{path}[{index}]", f"{entry!r} is listed twice")
        return [self.inner.read(v, f"{path}[{i}]", findings) for i, v in enumerate(value)]

    def stand_in(self) -> list[Any]:
        return []


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names (matching `key`) to `inner`, at least one and at most `high`."""

    key: Text
    inner: Spec
    high: int

    def read(self, value: object, path: str, findings: Findings) -> dict[str, Any]:
        if not isinstance(value, dict) or not 1 <= len(value) <= self.high:
            findings.note(path, f"must be a mapping with 1 to {self.high} entries")
            return self.stand_in()
        read = {}
        for name, entry in value.items():
            self.key.read(name, f"{path}.{name}", findings)
            read[str(name)] = self.inner.read(entry, f"{path}.{name}", findings)
        return read

    def stand_in(self) -> dict[str, Any]:
        return {}


_REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record: its shape and, unless it is required, its default as YAML has it."""

    spec: Spec
    default: object = _REQUIRED

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys. A default of None means: absent, and read as None.

    A bad value is replaced by its default after it was noted, so that checks across keys do not
    report its stand-in as well.
    """

    keys: Mapping[str, Key]

    def read(self, value: object, path: str, findings: Findings) -> dict[str, Any]:
        given = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            findings.note(path or "(top)", "must be a mapping")
        for name in given:
            if name not in self.keys:
                known = ", ".join(self.keys)
                findings.note(_join(path, str(name)), f"is not a known key (known: {known})")
        return {name: self._read_key(name, key, given, path, findings)
                for name, key in self.keys.items()}  # fmt: skip

    def _read_key(
        self, name: str, key: Key, given: dict[str, object], path: str, findings: Findings
    ) -> Any:
        where = _join(path, name)
        if name in given:
            before = len(findings.noted)
            read = key.spec.read(given[name], where, findings)
            if len(findings.noted) == before or isinstance(key.spec, Record | MapOf | ListOf):
                return read
        if key.required:
            if name not in given:
                findings.note(where, "is missing")
            return key.spec.stand_in()
        return None if key.default is None else key.spec.read(key.default, where, findings)

    def stand_in(self) -> dict[str, Any]:
        return self.read({}, "", Findings())


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def key_paths(spec: Spec, path: str = "") -> Iterator[str]:
    """Every key a document may hold, as `orgs.<name>.peers` or `channels[].name`."""
    if isinstance(spec, Record):
        for name, key in spec.keys.items():
            yield _join(path, name)
            yield from key_paths(key.spec, _join(path, name))
    elif isinstance(spec, MapOf):
        yield from key_paths(spec.inner, _join(path, "<name>"))
    elif isinstance(spec, ListOf):
        yield from key_paths(spec.inner, f"{path}[]")
    elif isinstance(spec, Auto):
        yield from key_paths(spec.inner, path)
