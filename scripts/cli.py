"""The `commonhold` command: hands each verb to its package, which answers an exit code."""

import argparse
import sys

from gateway import commands as gateway
from gateway.bank import commands as bank
from gateway.identity import commands as identity
from network import commands
from scripts import archive
from scripts.hand import commands as hand


def main() -> int:
    """Runs one verb; answers 0, 1 when a step failed, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="commonhold", description=__doc__)
    verbs = commands.add_verbs(parser)
    identity.add_verbs(verbs.all)
    bank.add_verbs(verbs.all)
    gateway.add_verbs(verbs.all)
    archive.add_verbs(verbs.export)
    hand.add_verbs(verbs.all)
    return commands.execute(parser.parse_args(archive.spelled_out(sys.argv[1:], verbs.export)))


if __name__ == "__main__":
    sys.exit(main())
