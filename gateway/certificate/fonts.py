"""Finds a font that has both Chinese and Latin letters; none ships, for its size and licence."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import Problem

FIND_S_MAX: Final = 10.0
_NOTO_SC: Final = 2
"""The place of Simplified Chinese in Noto's collections: JP, KR, SC, TC, HK."""


@dataclass(frozen=True, slots=True)
class Font:
    """Font files; `index` is the font's place in a collection."""

    regular: Path
    bold: Path
    index: int = 0


KNOWN: Final = tuple(
    Font(Path(folder) / "NotoSansCJK-Regular.ttc", Path(folder) / "NotoSansCJK-Bold.ttc", _NOTO_SC)
    for folder in (
        "/usr/share/fonts/opentype/noto",
        "/usr/share/fonts/noto-cjk",
        "/usr/share/fonts/google-noto-cjk",
        "/usr/share/fonts/google-noto-sans-cjk-fonts",
    )
)


def find_font(configured: Path | None = None) -> Font:
    """The configured font, else a known one, else what fontconfig names.

    Raises Problem 503 ``certificate/no-font``.
    """
    if configured is not None:
        if not configured.is_file():
            raise Problem(503, "certificate/no-font")
        return Font(configured, configured)
    for font in KNOWN:
        if font.regular.is_file() and font.bold.is_file():
            return font
    return _by_fontconfig()


def _by_fontconfig() -> Font:
    program = shutil.which("fc-list")
    if program is None:
        raise Problem(503, "certificate/no-font")
    asked = [program, ":lang=zh-cn", "file", "index"]
    answer = subprocess.run(  # noqa: S603 - a fixed command
        asked, check=False, capture_output=True, text=True, timeout=FIND_S_MAX
    )
    for line in sorted(answer.stdout.splitlines()):
        path, _, rest = line.partition(":")
        index = rest.partition("index=")[2].strip()
        if Path(path).suffix.lower() in (".ttf", ".otf", ".ttc") and index.isdigit():
            # Above 65,535 the index also names an instance of a variable font.
            return Font(Path(path), Path(path), int(index) % 0x10000)
    raise Problem(503, "certificate/no-font")
