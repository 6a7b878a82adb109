"""`scripts/verify` as a module: it has no suffix, since it is a program of its own."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[2] / "scripts" / "verify"
NAME = "commonhold_verify"


def _loaded() -> Any:
    loader = SourceFileLoader(NAME, str(PROGRAM))
    spec = importlib.util.spec_from_loader(NAME, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


verifier: Any = _loaded()
Archive = Any
"""`verifier.Archive`, which a type checker cannot see."""
