"""Build the pinned Fabric programs once; later runs find them by content."""

import sys
from pathlib import Path

from network import build


def main() -> int:
    """Build what is missing, telling each step in a line; 1 when something is missing."""
    try:
        build.ensure_binaries(Path(__file__).parents[1], print)
    except build.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
