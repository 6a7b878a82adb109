"""Fabric's programs, built from the Go modules that `network/fabric` pins.

A build is kept under `.build/<hash>`: the hash covers the modules, the flags and the Go version, so
an equal build is never made twice and another one never taken for it.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from network.patches import CA_SECRETS, SMARTBFT, Patch, PatchFailed, patched_modules

FABRIC_VERSION = "3.1.1"
"""The release that `fabric/go.mod` pins by its commit."""
FABRIC_VERSION_MIN = (3, 1)
"""The oldest release a folder named by FABRIC_BIN may hold: SmartBFT and batched reads."""
FABRIC_CA_VERSION = "1.5.15"

MODULES = Path(__file__).parent / "fabric"
PROGRAMS = ("peer", "orderer", "configtxgen", "osnadmin", "fabric-ca-server")
TEMPLATES = ("core.yaml", "orderer.yaml", "configtx.yaml")
FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false", "-v")
MODULES_PART = "modules"
"""Where corrected modules are while a build is made."""
LOG_LINES = 12
"""How much of a failed build's log an error shows."""
QUERY_TIMEOUT_S = 60.0
"""For one question to `go` or `peer`; a build itself may take as long as the machine is slow."""

Report = Callable[[str], None]
"""Called with one plain sentence per step; must not raise."""


class BuildError(Exception):
    """Fabric cannot be built or found: one line, and the log's last ones if a build failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Where Fabric's programs and configuration templates are."""

    peer: Path
    orderer: Path
    configtxgen: Path
    osnadmin: Path
    fabric_ca_server: Path
    sampleconfig: Path
    """Folder of core.yaml, orderer.yaml and configtx.yaml as the release ships them."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One `go build` call."""

    title: str
    folder: Path
    packages: tuple[str, ...]
    stamp: str
    cgo: bool
    patches: tuple[Patch, ...] = ()


FABRIC = Recipe(
    title=f"Fabric {FABRIC_VERSION}",
    folder=MODULES,
    packages=tuple(
        f"github.com/hyperledger/fabric/cmd/{name}"
        for name in ("peer", "orderer", "configtxgen", "osnadmin")
    ),
    stamp=f"-X github.com/hyperledger/fabric/common/metadata.Version={FABRIC_VERSION}",
    cgo=False,
    patches=(SMARTBFT,),
)
"""Without cgo the programs need no C library: they run in a container made from nothing."""

FABRIC_CA = Recipe(
    title=f"Fabric CA {FABRIC_CA_VERSION}",
    folder=MODULES / "ca",
    packages=("github.com/hyperledger/fabric-ca/cmd/fabric-ca-server",),
    stamp=f"-X github.com/hyperledger/fabric-ca/lib/metadata.Version={FABRIC_CA_VERSION}",
    cgo=True,
    patches=(CA_SECRETS,),
)
"""With cgo, because its SQLite is a C library."""


def ensure_binaries(
    home: Path,
    report: Report,
    environ: Mapping[str, str] = os.environ,
    recipes: tuple[Recipe, ...] = (FABRIC, FABRIC_CA),
) -> Binaries:
    """The programs, from FABRIC_BIN when it is set, else built once into `home/.build`.

    Blocks while another process builds the same. Raises BuildError, OSError (full disk).
    """
    if environ.get("FABRIC_BIN"):
        return own_binaries(Path(environ["FABRIC_BIN"]))
    environ = {**environ, "GOWORK": "off"}  # the pinned modules alone decide
    go_version = require_toolchain(environ, recipes)
    target = home / ".build" / content_hash(go_version, recipes)
    if not is_complete(target):
        with _locked(home / ".build", report):
            if not is_complete(target):
                _build(target, recipes, report, environ)
    return _binaries(target, target / "sampleconfig", FABRIC_VERSION)


def own_binaries(folder: Path) -> Binaries:
    """The programs an operator already has, as a Fabric release lays them out.

    The templates are in `sampleconfig` or `config` inside the folder or beside it.
    Raises BuildError that names what is missing or too old.
    """
    missing = [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]
    if missing:
        raise BuildError(f"FABRIC_BIN={folder} lacks {', '.join(missing)}")
    places = [
        base / name for base in (folder, folder.parent) for name in ("sampleconfig", "config")
    ]
    templates = [place for place in places if all((place / name).is_file() for name in TEMPLATES)]
    if not templates:
        raise BuildError(f"FABRIC_BIN={folder} has no config folder with {', '.join(TEMPLATES)}")
    return _binaries(folder, templates[0], _peer_version(folder / "peer"))


def require_toolchain(environ: Mapping[str, str], recipes: tuple[Recipe, ...]) -> str:
    """Go's version, after making sure that Go and, if needed, a C compiler can do the build."""
    path = environ.get("PATH")
    needed = max(_go_needed(recipe.folder / "go.mod") for recipe in recipes)
    wanted = ".".join(map(str, needed))
    if shutil.which("go", path=path) is None:
        raise BuildError(f"Go {wanted} or newer is needed to build Fabric, and there is no `go`")
    version, compiler = _ask(["go", "env", "GOVERSION", "CC"], MODULES, environ).splitlines()[:2]
    if _numbers(version) < needed:
        raise BuildError(f"Go {wanted} or newer is needed to build Fabric, this is {version}")
    program = compiler.split()[0] if compiler else "cc"
    if any(recipe.cgo for recipe in recipes) and shutil.which(program, path=path) is None:
        raise BuildError(f"a C compiler is needed to build Fabric CA, and there is no `{program}`")
    return version


def content_hash(go_version: str, recipes: tuple[Recipe, ...]) -> str:
    """What a build depends on, in 16 hex digits."""
    digest = hashlib.sha256(f"{go_version} {FLAGS}".encode())
    for recipe in recipes:
        digest.update(f"{recipe.packages} {recipe.stamp} {recipe.cgo}".encode())
        digest.update(repr(recipe.patches).encode() if recipe.patches else b"")
        for name in ("go.mod", "go.sum"):
            digest.update((recipe.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Whether a finished build lies there with every file as long as it was built."""
    try:
        sizes = json.loads((folder / "sizes.json").read_bytes())
        return bool(sizes) and sizes == _sizes(folder, sizes)
    except (OSError, ValueError):
        return False


def _build(
    target: Path, recipes: tuple[Recipe, ...], report: Report, environ: Mapping[str, str]
) -> None:
    """Build beside the target and move it there whole. The caller holds the lock."""
    for leftover in target.parent.glob("tmp-*"):
        shutil.rmtree(leftover)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix="tmp-"))
    try:
        for recipe in recipes:
            _compile(recipe, work, report, environ)
        _copy_templates(work / "sampleconfig", environ)
        names = [str(file.relative_to(work)) for file in work.rglob("*") if file.is_file()]
        (work / "sizes.json").write_text(json.dumps(_sizes(work, names)))
        work.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(recipe: Recipe, work: Path, report: Report, environ: Mapping[str, str]) -> None:
    command = ["go", "build", *FLAGS, "-ldflags", f"-s -w {recipe.stamp}", "-o", f"{work}/"]
    report(f"{recipe.title}: building")
    if recipe.patches:
        command.append(f"-modfile={_corrected(recipe, work / MODULES_PART, environ)}")
    log: deque[str] = deque(maxlen=LOG_LINES)
    packages = 0
    with _running([*command, *recipe.packages], recipe, environ) as process:
        for line in process.stderr or ():
            log.append(line.rstrip())
            packages += not line.startswith("go: ")
            report(f"{recipe.title}: {_progress(line, packages)}")
    if process.returncode:
        raise BuildError("\n".join([f"{recipe.title} does not build; last lines:", *log]))
    shutil.rmtree(work / MODULES_PART, ignore_errors=True)


def _corrected(recipe: Recipe, work: Path, environ: Mapping[str, str]) -> Path:
    """A go.mod of the recipe's that uses corrected copies of modules."""
    sources = {}
    for patch in recipe.patches:
        _ask(["go", "mod", "download", patch.module], recipe.folder, environ)
        sources[patch.module] = _module_folder(patch.module, recipe.folder, environ)
    try:
        return patched_modules(recipe.folder / "go.mod", sources, recipe.patches, work)
    except PatchFailed as failure:
        raise BuildError(str(failure)) from failure


def _module_folder(module: str, folder: Path, environ: Mapping[str, str]) -> Path:
    return Path(_ask(["go", "list", "-m", "-f", "{{.Dir}}", module], folder, environ).strip())


@contextmanager
def _running(
    command: list[str], recipe: Recipe, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own, so that nothing of it outlives an interruption."""
    process = subprocess.Popen(
        command,
        cwd=recipe.folder,
        env={**environ, "CGO_ENABLED": str(int(recipe.cgo))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _progress(line: str, packages: int) -> str:
    if line.startswith("go: downloading "):
        return f"downloading {line.split()[2]}"
    return f"{packages} packages compiled"


def _copy_templates(folder: Path, environ: Mapping[str, str]) -> None:
    module = "github.com/hyperledger/fabric"
    source = _module_folder(module, MODULES, environ)
    folder.mkdir()
    for name in TEMPLATES:
        shutil.copyfile(source / "sampleconfig" / name, folder / name)


@contextmanager
def _locked(folder: Path, report: Report) -> Iterator[None]:
    """Hold the build folder's lock; the kernel frees it when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another run is building Fabric: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ask(command: list[str], folder: Path, environ: Mapping[str, str]) -> str:
    """A short command's output. Raises BuildError with its last words when it fails."""
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=QUERY_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines()
        raise BuildError(f"`{' '.join(command)}` failed: {words[-1] if words else ''}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"`{' '.join(command)}` failed: {error}") from error
    return answer.stdout


def _peer_version(peer: Path) -> str:
    output = _ask([str(peer), "version"], peer.parent, os.environ)
    found = re.search(r"Version: v?(\d[\w.-]*)", output)
    if found is None:
        raise BuildError(f"`{peer} version` names no version")
    if _numbers(found[1])[:2] < FABRIC_VERSION_MIN:
        raise BuildError(f"Fabric 3.1 or newer is needed, {peer} is {found[1]}")
    return found[1]


def _go_needed(go_mod: Path) -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    return _numbers(found[1] if found else "")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _sizes(folder: Path, names: Mapping[str, int] | list[str]) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in sorted(names)}


def _binaries(folder: Path, sampleconfig: Path, version: str) -> Binaries:
    return Binaries(
        peer=folder / "peer",
        orderer=folder / "orderer",
        configtxgen=folder / "configtxgen",
        osnadmin=folder / "osnadmin",
        fabric_ca_server=folder / "fabric-ca-server",
        sampleconfig=sampleconfig,
        version=version,
    )
