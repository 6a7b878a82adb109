"""Corrections of Go modules: made where they belong, refused where the module is another one."""

from pathlib import Path

import pytest

from network.patches import Patch, PatchFailed, patched_modules

PATCH = Patch(module="example.org/m", file="a/b.go", changes=(("old()", "new()"),))


def test_what_is_there_once_is_replaced() -> None:
    assert PATCH.apply("x\nold()\ny") == "x\nnew()\ny"


@pytest.mark.parametrize("source", ["", "new()", "old() old()"])
def test_another_text_is_refused(source: str) -> None:
    with pytest.raises(PatchFailed, match=r"example.org/m a/b\.go"):
        PATCH.apply(source)


def module(folder: Path, text: str) -> Path:
    """A module as the module cache has it: nothing in it may be written."""
    (folder / "m" / "a").mkdir(parents=True)
    file = folder / "m" / "a" / "b.go"
    file.write_text(text)
    (folder / "go.mod").write_text("module main\n")
    (folder / "go.sum").write_text("sums\n")
    file.chmod(0o444)
    (folder / "m" / "a").chmod(0o555)
    return folder / "m"


def test_a_corrected_copy_is_used(tmp_path: Path) -> None:
    source = module(tmp_path, "old()")
    sources = {"example.org/m": source}
    go_mod = patched_modules(tmp_path / "go.mod", sources, (PATCH,), tmp_path / "work")
    copy = tmp_path / "work" / "0"
    assert go_mod.read_text() == f'module main\n\nreplace example.org/m => "{copy}"\n'
    assert (go_mod.parent / "go.sum").read_text() == "sums\n"
    assert (copy / "a" / "b.go").read_text() == "new()"
    assert (source / "a" / "b.go").read_text() == "old()"


def test_another_module_is_not_built(tmp_path: Path) -> None:
    sources = {"example.org/m": module(tmp_path, "something else")}
    with pytest.raises(PatchFailed):
        patched_modules(tmp_path / "go.mod", sources, (PATCH,), tmp_path / "work")
