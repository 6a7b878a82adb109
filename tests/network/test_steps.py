"""Steps wait for what they need, are skipped when done, and the first failure ends the rest."""

import asyncio
import errno

import pytest

from network.ca.errors import CaUnreachable
from network.nodes import NodeDied, NotReady
from network.rpc import CallFailed
from network.steps import Step, StepFailed, perform


class Recorder:
    """Plays the world: which steps are done, in which order they ran."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.ran: list[str] = []
        self.ended_unchanged: list[str] = []
        self.failures: list[str] = []
        self.begun_count = 0

    def begun(self, step: Step) -> None:
        self.begun_count += 1

    def ended(self, step: Step, seconds: float, *, changed: bool) -> None:
        assert seconds >= 0
        if not changed:
            self.ended_unchanged.append(step.name)

    def failed(self, step: Step) -> None:
        self.failures.append(step.name)

    def step(self, name: str, *needs: str, error: BaseException | None = None) -> Step:
        async def check() -> bool:
            return name in self.done

        async def run() -> None:
            assert all(need in self.done for need in needs)
            await asyncio.sleep(0)
            if error is not None:
                raise error
            self.done.add(name)
            self.ran.append(name)

        return Step(name=name, node=f"node of {name}", needs=needs, check=check, run=run)


@pytest.fixture
def world() -> Recorder:
    return Recorder()


async def test_needs_come_first_whatever_the_order_of_the_list(world: Recorder) -> None:
    steps = [world.step("c", "b"), world.step("b", "a"), world.step("a")]
    assert await perform(steps, world) == ["a", "b", "c"]


async def test_a_second_run_changes_nothing(world: Recorder) -> None:
    steps = [world.step("a"), world.step("b", "a")]
    await perform(steps, world)
    assert await perform(steps, world) == []
    assert world.ran == ["a", "b"]
    assert world.ended_unchanged == ["a", "b"]
    assert world.begun_count == 4


async def test_only_what_is_missing_runs(world: Recorder) -> None:
    world.done = {"a", "c"}
    assert await perform([world.step("a"), world.step("b", "a"), world.step("c", "b")], world) == [
        "b"
    ]


async def test_independent_steps_run_at_the_same_time(world: Recorder) -> None:
    met = asyncio.Barrier(2)

    async def never() -> bool:
        return False

    async def run() -> None:
        async with asyncio.timeout(5):
            await met.wait()

    pair = [Step(name=n, node=n, check=never, run=run) for n in ("a", "b")]
    assert sorted(await perform(pair, world)) == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "node", "reason", "tail"),
    [
        (NodeDied("peer0", 2, ["panic: x"]), "peer0", "peer0 ended with exit code 2",
         ("panic: x",)),
        (NotReady("peer0", 3.0, ["waiting"]), "peer0", "peer0 is not ready after 3.0 s",
         ("waiting",)),
        (CallFailed("peer1", "its own words"), "peer1", "its own words", ()),
        (CaUnreachable("no CA"), "node of b", "no CA", ()),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "node of b",
         "No space left on device: /x", ()),
        (TimeoutError(), "node of b", "TimeoutError", ()),
        (ExceptionGroup("several", [CallFailed("peer2", "first"), CallFailed("peer3", "second")]),
         "peer2", "first", ()),
    ],
)  # fmt: skip
async def test_a_failure_names_step_node_reason_and_log(
    world: Recorder, error: BaseException, node: str, reason: str, tail: tuple[str, ...]
) -> None:
    with pytest.raises(StepFailed) as caught:
        await perform([world.step("a"), world.step("b", "a", error=error), world.step("c", "b")],
                      world)  # fmt: skip
    found = caught.value
    assert (found.step, found.node, found.reason, found.tail) == ("b", node, reason, tail)
    assert world.ran == ["a"]
    assert world.failures == ["b"]


async def test_a_failure_stops_what_runs_beside_it(world: Recorder) -> None:
    stopped = asyncio.Event()

    async def never() -> bool:
        return False

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    beside = Step(name="beside", node="n", check=never, run=wait)
    with pytest.raises(StepFailed):
        await perform([beside, world.step("b", error=CallFailed("p", "no"))], world)
    assert stopped.is_set()


async def test_a_bug_is_not_dressed_up_as_a_failed_step(world: Recorder) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await perform([world.step("a", error=ZeroDivisionError())], world)
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.parametrize(
    ("needs", "problem"),
    [
        ({"a": ("b",), "b": ("a",)}, "cycle"),
        ({"a": ("a",)}, "cycle"),
        ({"a": ("z",)}, "no step is named z"),
    ],
)
async def test_steps_that_could_never_run_are_refused(
    world: Recorder, needs: dict[str, tuple[str, ...]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        await perform([world.step(name, *need) for name, need in needs.items()], world)
    assert world.ran == []


async def test_two_steps_of_one_name_are_refused(world: Recorder) -> None:
    with pytest.raises(ValueError, match="same name"):
        await perform([world.step("a"), world.step("a")], world)
