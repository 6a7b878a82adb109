"""`scripts/bench network`: from nothing to a first commit, load, growth, a dead leader, idleness.

first_commit_s       from an empty folder, certificate authorities included, to a committed write
tx_p50_ms_N tx_p99_ms_N tps_N errors_N     N transactions at once through four orgs' gateways
python_over_go       median over pairs of runs in turn, 50 at once, of Python's tps over Go's
go_tps_50            the Go contract's, median of its runs
community_add_s community_add_mb           each further community: seconds, memory of all nodes
community_add_s_max                        the slowest
leader_recovery_s    longest time without a commit when the leading orderer is killed
idle_cpu_pct         of one core, each peer on average, while nobody asks
orderer_idle_cpu_pct peer_mb orderer_mb    likewise; memory of each
"""

import argparse
import asyncio
import itertools
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from statistics import fmean, median

import aiohttp

from network.topology import Kind, Node
from network.up import add_community, renew_nodes
from scripts.benchmarks.figures import Figures, percentile
from scripts.benchmarks.load import FUNCTION, Run, run, writes
from scripts.benchmarks.running import CHANNEL, Bench, Way, bench, ways

CHECKOUT = Path(__file__).parents[2]
PYTHON = ("python", "-m", "tests.conformance.probe")
GO_MODULE = CHECKOUT / "tests" / "bench"
GO_BUILD_S = 600
COUNTS = {1: 60, 50: 1500, 200: 3000}
"""Transactions at each number at once."""
PAIRS = 3
PAIR_COUNT = 1000
COMMUNITIES_ADDED = 10
IDLE_S = 30.0
SETTLE_S = 10.0
"""Nodes have chores after load or growth that are not idleness."""
MB = 1 << 20
_LEADER = re.compile(rf'^consensus_BFT_leader_id{{channel="{CHANNEL}"}} (\d+)$', re.MULTILINE)
_ALL = (Kind.PEER, Kind.ORDERER, Kind.CHAINCODE)


async def measure(args: argparse.Namespace, figures: Figures) -> None:
    """All figures, or with `--communities` those of many idle communities."""
    async with bench() as place:
        await _first_commit(place, figures)
        if args.communities > 1:
            await _grow(place, figures, args.communities - 1)
            await _idle(place, figures)
            return
        await _load(place, figures)
        await _python_and_go(place, figures)
        await _idle(place, figures)
        await _grow(place, figures, COMMUNITIES_ADDED)
        await _leader_dies(place, figures)


async def _first_commit(place: Bench, figures: Figures) -> None:
    started = time.perf_counter()
    network = await place.up(PYTHON)
    async with ways(network, ["bank"]) as (way,):
        await way.contract.submit(FUNCTION, "a", "b", "c")
    figures.add("first_commit_s", time.perf_counter() - started)


async def _load(place: Bench, figures: Figures) -> None:
    assert place.network is not None
    async with ways(place.network) as found:
        await writes(found, 50, 10)  # connections and caches
        for at_once, count in COUNTS.items():
            # A lone client has one gateway: its own org's.
            through = found[:1] if at_once == 1 else found
            _tell(figures, str(at_once), await writes(through, count, at_once))


def _tell(figures: Figures, suffix: str, result: Run) -> None:
    figures.add(f"tps_{suffix}", result.per_second)
    figures.add(f"tx_p50_ms_{suffix}", median(result.latencies_ms))
    figures.add(f"tx_p99_ms_{suffix}", percentile(result.latencies_ms, 99))
    figures.add(f"errors_{suffix}", result.errors)


# --- Python and Go ---


async def _python_and_go(place: Bench, figures: Figures) -> None:
    """A B, B A, A B on one network, so that a drift of the machine favours neither."""
    go = str(_built_probe(place.folder))
    rates: dict[str, list[float]] = {"python": [], "go": []}
    ratios = []
    for pair in range(PAIRS):
        order = ("python", "go") if pair % 2 == 0 else ("go", "python")
        for kind in order:
            rates[kind].append(await _rate(place, PYTHON if kind == "python" else (go,)))
        ratios.append(rates["python"][-1] / rates["go"][-1])
    figures.add("python_over_go", median(ratios))
    figures.add("python_tps_50", median(rates["python"]))
    figures.add("go_tps_50", median(rates["go"]))
    await place.up(PYTHON)


def _built_probe(folder: Path) -> Path:
    """The same contract in Go, from the pinned module."""
    program = folder / "probe"
    command = ["go", "build", "-trimpath", "-mod=readonly", "-o", str(program), "./probe"]
    environ = {**os.environ, "GOWORK": "off"}
    subprocess.run(command, cwd=GO_MODULE, env=environ, check=True, timeout=GO_BUILD_S)
    return program


async def _rate(place: Bench, command: tuple[str, ...]) -> float:
    network = await place.up(command)
    async with ways(network) as found:
        await writes(found, 200, 50)
        return (await writes(found, PAIR_COUNT, 50)).per_second


# --- Idleness and growth ---


async def _idle(place: Bench, figures: Figures) -> None:
    await asyncio.sleep(SETTLE_S)
    for kind, name in ((Kind.PEER, ""), (Kind.ORDERER, "orderer_")):
        before = [_cpu_s(place, kind), time.perf_counter()]
        await asyncio.sleep(IDLE_S)
        used_s, seconds = _cpu_s(place, kind) - before[0], time.perf_counter() - before[1]
        count = len(place.nodes(kind))
        figures.add(f"{name}idle_cpu_pct", used_s / seconds / count * 100)
        figures.add(f"{kind.value}_mb", _memory_mb(place, kind) / count)


def _cpu_s(place: Bench, kind: Kind) -> float:
    times = [process.cpu_times() for process in place.processes(kind)]
    return sum(one.user + one.system for one in times)


def _memory_mb(place: Bench, *kinds: Kind) -> float:
    return sum(process.memory_info().rss for process in place.processes(*kinds)) / MB


async def _grow(place: Bench, figures: Figures, count: int) -> None:
    assert place.network is not None
    before_mb, seconds = _memory_mb(place, *_ALL), []
    for number in range(count):
        name = f"community-{number}"
        started = time.perf_counter()
        channel = {"name": name, "communities": [name]}
        outcome = await add_community(place.network, channel, place.console)
        seconds.append(time.perf_counter() - started)
        if outcome.outdated:
            await renew_nodes(place.network, place.console)
    figures.add("communities", count + 1)
    figures.add("community_add_s", fmean(seconds))
    figures.add("community_add_s_last", seconds[-1])
    figures.add("community_add_s_max", max(seconds))
    figures.add("community_add_mb", (_memory_mb(place, *_ALL) - before_mb) / count)


# --- A dead leader ---


async def _leader_dies(place: Bench, figures: Figures) -> None:
    assert place.network is not None
    leader = await _leader(place)
    pid = place.supervisor.pid(leader.name)
    assert pid is not None, f"{leader.name} does not run"
    commits: list[float] = []
    async with ways(place.network) as found, asyncio.TaskGroup() as group:
        over = asyncio.Event()
        for way in found:
            group.create_task(_write_until(over, way, commits))
        await _until_commits(commits, len(commits) + 20)
        os.kill(pid, signal.SIGKILL)
        killed = time.perf_counter()
        # Those that the dead leader had ordered already may still arrive.
        await _until_commits(commits, len(commits) + 40)
        over.set()
    times = sorted([killed, *(at for at in commits if at > killed)])
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    figures.add("leader_recovery_s", max(gaps))
    await place.up(PYTHON)


async def _write_until(over: asyncio.Event, way: Way, commits: list[float]) -> None:
    async def write(_: int) -> None:
        key = f"{way.org}-{time.perf_counter_ns()}"
        await way.contract.submit(FUNCTION, key, f"{key}-b", f"{key}-c", follower=way.follower)
        commits.append(time.perf_counter())

    while not over.is_set():
        await run(write, 1, 1)


async def _until_commits(commits: list[float], count: int) -> None:
    async with asyncio.timeout(120):
        while len(commits) < count:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.02)


async def _leader(place: Bench) -> Node:
    """The orderer that most take for the leader; one that just came back may be behind.

    Consenters are numbered from 1 in the order of the orderers (metric `consensus_BFT_leader_id`).
    """
    nodes = place.nodes(Kind.ORDERER)
    async with aiohttp.ClientSession() as session:
        pages = [await _metrics(session, node) for node in nodes]
    votes = Counter(int(found[1]) for page in pages if (found := _LEADER.search(page)))
    ((consenter, _),) = votes.most_common(1)
    return nodes[consenter - 1]


async def _metrics(session: aiohttp.ClientSession, node: Node) -> str:
    async with session.get(f"http://{node.address('operations')}/metrics") as page:
        return await page.text()
