"""The verb that makes the read model anew: settings that cannot work are named."""

import sys
from pathlib import Path

import pytest

from scripts import cli


def test_settings_that_cannot_be_used_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[gateway]\norg = "police"\n')
    monkeypatch.setattr(sys, "argv", ["commonhold", "rebuild", str(file)])
    assert cli.main() == 2
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("[gateway] org: ")
    assert "[fabric] peers is missing" in said
