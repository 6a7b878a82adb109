"""The end: everything is verified from outside, and people are told where to look."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from scripts.story import foundation, gate, payments
from scripts.story.clock import DAY_MS, now_ms
from scripts.story.election import regulator_desk
from scripts.story.motions import Question, StoryStuck, reached, reviewed_officially, view
from scripts.story.papers import letter, text
from scripts.story.places import ORGS
from scripts.story.rules import NOTICE_MS, ORDINARY
from scripts.story.world import World

CHECKOUT: Final = Path(__file__).parents[2]
VERIFY_S_MAX: Final = 300.0
YOURS: Final = "benches"
OPEN_MS: Final = 2 * DAY_MS
SHOWN_LINES: Final = 10


async def tell(world: World) -> None:
    """The figures of the gate and its money, from the ledger as it is now."""
    if "owners_credentialed" not in world.figures:
        await foundation.count_credentials(world)
    await gate.tell(world)
    await payments.tell(world)


async def verify(world: World) -> None:
    """Export the channel and verify the file with the one-file verifier, which knows nothing of
    this project."""
    archive = world.places.kept / "archive"
    report = world.places.kept / "verified.json"
    archive.unlink(missing_ok=True)
    network = ("--config", str(world.network.file), "--home", str(world.network.home))
    status, said = await _run("-m", "scripts.cli", *network, "export", world.channel, str(archive))
    if status:
        raise StoryStuck(f"the export failed: {said}")
    status, said = await _run("scripts/verify", str(archive), "--json", str(report))
    world.figures["verify_ok"] = status == 0
    world.figures["archive_bytes"] = archive.stat().st_size
    for line in said.splitlines()[-SHOWN_LINES:]:
        world.teller.say(line)
    if status:
        raise StoryStuck(f"the verifier found faults: {archive}")


async def leave_a_vote(world: World) -> None:
    """One more motion stays open for two days, for whoever reads this."""
    desk = regulator_desk(world)
    if await view(world, YOURS) is None:
        question = Question(
            motion_id=YOURS,
            title="Two benches beside the gate",
            text=text("Shall two benches stand beside the gate?\n"),
            matter_class=ORDINARY,
        )
        await desk.state("draft_official_motion", motion_id=YOURS, content=question.content())
    if (await view(world, YOURS))["phase"] == "draft":
        await reviewed_officially(desk, YOURS)
        opens_at = now_ms() + 2 * NOTICE_MS
        await desk.state(
            "publish_motion",
            motion_id=YOURS,
            notice=letter("Notice: benches").document(),
            opens_at=opens_at,
            closes_at=opens_at + OPEN_MS,
        )
    await reached(world, YOURS, "open")


async def is_vote_left(world: World) -> bool:
    """Whether that motion is open, or was."""
    found = await view(world, YOURS)
    return found is not None and found["phase"] not in ("draft", "notice")


def where_to_look(world: World) -> list[str]:
    """Addresses and commands for who wants to see, and to vote."""
    root = f"/v1/communities/{world.community}"
    urls = {org: world.places.url(org) for org in ORGS}
    owner = next(one for one in world.owners if one.wards and one.number > len(ORGS) * 10)
    unit = owner.wards[0]
    key = world.places.people / owner.label
    home, config = world.network.home, world.network.file
    ports = "auto" if config.is_relative_to(home) else "fixed"
    return [
        "Each organisation's gateway, and what it offers:",
        *(f"  {org:<10} {url}/v1/documentation" for org, url in urls.items()),
        "The certificate:",
        f"  {urls[ORGS[-1]]}{root}/motions/{gate.MOTION}/certificate.pdf",
        f"Vote yourself, as the owner of {unit} (the demo keeps that phone's key):",
        f"  uv run commonhold act send cast_ballot --gateway {urls[ORGS[1]]} \\",
        f"    --folder {key} --field motion_id={YOURS} \\",
        f"    --field 'unit_ids=[\"{unit}\"]' --field 'choices=[\"for\"]'",
        f"  uv run commonhold act read /motions/{YOURS}/turnout --gateway {urls[ORGS[0]]} \\",
        f"    --folder {key}",
        "The nodes:",
        f"  uv run commonhold --config {config} --home {home} status",
        "Stop everything; the ledger stays, and the next run goes on with it:",
        f"  scripts/demo --stop --home {home} --ports {ports}",
    ]


async def _run(*command: str) -> tuple[int, str]:
    """Exit status and output of a program of this project."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), VERIFY_S_MAX)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace").strip()


def summary(world: World, seconds: float) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        **world.figures,
        "seconds_total": round(seconds, 1),
        "rss_max_mb": max(one["rss_max_mb"] for one in world.teller.took),
        "steps": world.teller.took,
        "ids": {
            "community": world.community,
            "channel": world.channel,
            "motions": {"gate": gate.MOTION, "open": YOURS},
            "payments": list(payments.PAYMENTS),
        },
    }


def save(file: Path, content: dict[str, Any]) -> None:
    """Write a summary."""
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
