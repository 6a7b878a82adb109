"""Settings: every finding at once, secrets kept, the environment over the file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.__main__ import BAD_SETTINGS, main, sections
from gateway.attachments.part import AttachmentsSection
from gateway.identity.settings import LoginSection
from gateway.projection.part import ProjectionSection
from gateway.settings import (
    FabricSection,
    GatewaySection,
    HttpSection,
    Settings,
    SettingsError,
    load_settings,
)

CORE = (GatewaySection, FabricSection, HttpSection)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("roots.pem", "cert.pem", "key.pem", "token"):
        (tmp_path / name).write_text("x" * 40)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "gateway.toml"
    path.write_text(
        f"""
[gateway]
org = "bank"
operator_token_file = "{tmp_path}/token"
[fabric]
msp_id = "BankMSP"
peers = ["peer0:7051", "[::1]:7052"]
tls_roots_file = "{tmp_path}/roots.pem"
certificate_file = "{tmp_path}/cert.pem"
key_file = "{tmp_path}/key.pem"
channels = ["fuzemen"]
"""
    )
    return path


def findings(path: Path | None, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        load_settings(path, environ, CORE)
    return error.value.findings


def loaded(path: Path, **environ: str) -> Settings:
    return load_settings(path, environ, CORE)


def test_a_file_is_read(file: Path) -> None:
    settings = loaded(file)
    assert settings.of(GatewaySection).org == "bank"
    assert settings.of(FabricSection).peers == ("peer0:7051", "[::1]:7052")
    assert settings.of(HttpSection) == HttpSection()


def test_the_environment_overrides_the_file(file: Path) -> None:
    settings = loaded(
        file,
        GATEWAY_FABRIC_PEERS="a:1, b:2",
        GATEWAY_HTTP_STOP_S="7.5",
        GATEWAY_GATEWAY_ORG="property",
    )
    assert settings.of(FabricSection).peers == ("a:1", "b:2")
    assert settings.of(HttpSection).stop_s == 7.5
    assert settings.of(GatewaySection).org == "property"


def test_a_relative_path_begins_at_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program was started says nothing of where data is."""
    monkeypatch.chdir("/")
    folder = file.parent
    kinds = (*CORE, ProjectionSection, AttachmentsSection, LoginSection)
    file.write_text(file.read_text().replace(f'"{folder}/key.pem"', '"key.pem"'))
    settings = load_settings(file, {}, kinds)
    assert settings.of(FabricSection).key_file == folder / "key.pem"
    assert settings.of(ProjectionSection).database == str(folder / "readmodel.sqlite3")
    assert settings.of(AttachmentsSection).folder == folder / "attachments"
    assert settings.of(LoginSection).database == "", "nothing stays nothing"
    environ = {
        "GATEWAY_PROJECTION_DATABASE": "elsewhere.sqlite3",
        "GATEWAY_ATTACHMENTS_FOLDER": "files",
    }
    settings = load_settings(file, environ, kinds)
    assert settings.of(ProjectionSection).database == "elsewhere.sqlite3"
    assert settings.of(AttachmentsSection).folder == Path("files")
    file.write_text(file.read_text() + '[projection]\ndatabase = "postgresql://u@host/name"\n')
    settings = load_settings(file, {}, kinds)
    assert settings.of(ProjectionSection).database == "postgresql://u@host/name"


def test_every_database_is_a_field() -> None:
    for section in sections():
        assert set(section.databases) <= set(section.__struct_fields__), section
        assert ("database" in section.__struct_fields__) == bool(section.databases), section


def test_without_anything_every_missing_setting_is_named() -> None:
    assert findings(None) == (
        "[gateway] org is missing",
        "[fabric] msp_id is missing",
        "[fabric] peers is missing",
        "[fabric] tls_roots_file is missing",
        "[fabric] certificate_file is missing",
        "[fabric] key_file is missing",
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"GATEWAY_GATEWAY_ORG": "police"}, "[gateway] org: "),
        ({"GATEWAY_FABRIC_PEERS": "peer0"}, "[fabric] peers: "),
        ({"GATEWAY_HTTP_STOP_S": "-1"}, "[http] stop_s: "),
        ({"GATEWAY_HTTP_STOP_S": "soon"}, "[http] stop_s: "),
        ({"GATEWAY_HTTP_ADDRESS": "nowhere"}, "[http] address: "),
        ({"GATEWAY_HTTP_TRUSTED_PROXIES_COUNT": "9"}, "[http] trusted_proxies_count: "),
        ({"GATEWAY_FABRIC_KEY_FILE": "/nowhere/key"}, "[fabric] key_file is not a file"),
        (
            {"GATEWAY_HTTP_TLS_CERTIFICATE_FILE": "/nowhere/cert"},
            "[http] tls_certificate_file and tls_key_file belong together",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_place(
    file: Path, environ: dict[str, str], expected: str
) -> None:
    (finding,) = findings(file, **environ)
    assert finding.startswith(expected)


def test_all_findings_come_at_once(file: Path) -> None:
    file.write_text(file.read_text().replace('"bank"', '"police"') + "colour = 1\n[weather]\n")
    found = findings(file, GATEWAY_HTTP_STOP_S="0")
    assert [finding.partition(":")[0] for finding in found] == [
        "[weather] is no section",
        "[gateway] org",
        "[fabric] colour is no setting",
        "[http] stop_s",
    ]


@pytest.mark.parametrize("name", ["key.pem", "token"])
def test_a_secret_that_others_may_read_is_refused(file: Path, name: str) -> None:
    (file.parent / name).chmod(0o644)
    (finding,) = findings(file)
    assert "mode must be 0600" in finding


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[gateway")
    assert findings(path)[0].startswith(f"{path} cannot be read")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in findings(tmp_path / "none.toml")[0]


def test_every_section_has_a_name_of_its_own() -> None:
    names = [section.name for section in sections()]
    assert len(set(names)) == len(names)


def test_the_program_exits_with_two_and_names_everything() -> None:
    environ = {name: value for name, value in os.environ.items() if "GATEWAY" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "gateway"], capture_output=True, text=True, env=environ, timeout=60
    )
    assert done.returncode == BAD_SETTINGS
    assert "[gateway] org is missing\n[fabric] msp_id is missing\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_secret_is_a_setting() -> None:
    """Settings are printed and copied; what is secret stays in files that they name."""
    suspicious = ("password", "secret", "token", "key")
    for section in sections():
        for field in section.__struct_fields__:
            if field.endswith(("_file", "_path", "_folder", "_s", "_count", "_max", "_id")):
                continue
            assert not any(word in field.split("_") for word in suspicious), (section, field)


def test_help_does_not_start_anything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "--config" in capsys.readouterr().out
