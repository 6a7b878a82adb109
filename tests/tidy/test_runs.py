"""`scripts/test` names the folders it runs; none may be forgotten."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_folder_with_tests_is_run() -> None:
    words = set(re.findall(r"[a-z0-9]+", (ROOT / "scripts/test").read_text(encoding="utf-8")))
    folders = {
        file.relative_to(ROOT / "tests").parts[0] for file in (ROOT / "tests").rglob("test_*.py")
    }
    assert len(folders) > 5
    assert folders - words == set()
