"""network.yaml: the shipped example is good, and every wrong document says all that is wrong."""

import copy
from pathlib import Path
from typing import Any

import pytest

from network import config
from network.config import SCHEMA, Endorsement, load, parse
from network.schema import ConfigErrors, key_paths
from network.yamlfile import FILE_BYTES_MAX

NETWORK = Path(config.__file__).parent
GOOD: dict[str, Any] = {
    "name": "n",
    "orgs": {name: {"msp": f"{name.capitalize()}MSP"} for name in ("bank", "court", "prop", "reg")},
    "endorsement": {"require": ["bank", "court", "prop"], "substitute": "reg"},
    "channels": [{"name": "one", "communities": ["one"]}],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """GOOD with one value set at a dotted path (numbers index lists)."""
    document = copy.deepcopy(GOOD)
    place: Any = document
    *parents, last = path.split(".")
    for part in parents:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
    return document


def findings(document: object, added: tuple[dict[str, Any], ...] = ()) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        parse(document, added)
    return [str(finding) for finding in caught.value.findings]


def test_the_shipped_example_is_good() -> None:
    shipped = load(NETWORK / "network.yaml")
    assert list(shipped.orgs) == ["bank", "committee", "property", "regulator"]
    assert shipped.orderer.type == "bft"
    assert shipped.channels[0].modules == ("voting", "funds")
    assert shipped.chaincode.command == ("python", "-m", "chaincode")


def test_defaults_are_filled_in() -> None:
    good = parse(GOOD)
    assert good.orgs["bank"].peers == good.orgs["bank"].orderers == 1
    assert good.orderer.batch_interval == 50
    assert good.channels[0].members == ("bank", "court", "prop", "reg")
    assert good.channels[0].endorsement == Endorsement(
        require=("bank", "court", "prop"), substitute="reg"
    )
    assert (good.limits.gateway_requests, good.timing.time_window) == (5000, 120_000)
    assert good.timing.gossip_request is None


def test_auto_ports_are_none() -> None:
    assert parse(changed("ports", "auto")).ports is None


def test_orgs_without_peers_are_no_members_by_default() -> None:
    document = changed("orgs.court2", {"msp": "Court2MSP", "peers": 0})
    assert parse(document).channels[0].members == ("bank", "court", "prop", "reg")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("name", "Big", "name: 'Big' must be 1 to 40 small letters, digits and '-', a letter "
                        "first"),
        ("name", "../up", "name: '../up' must be 1 to 40 small letters, digits and '-', a letter "
                          "first"),
        ("fabric", "2.5.9", "fabric: must be one of: 3.1.1"),
        ("orgs.bank.peers", 11, "orgs.bank.peers: must be a whole number from 0 to 10"),
        ("orgs.bank.port", 1, "orgs.bank.port: is not a known key (known: msp, peers, orderers)"),
        ("orgs.court.msp", "BankMSP", "orgs.court.msp: BankMSP is already the MSP of bank"),
        ("orgs.reg.orderers", 0, "orderer.type: bft needs at least 4 orderers, not 3"),
        ("orderer.type", "solo", "orderer.type: must be one of: bft, raft"),
        ("orderer.batch_interval", "1s", "orderer.batch_interval: must be shorter than "
                                         "orderer.forward"),
        ("orderer.forward", "2s", "orderer.forward: must be shorter than orderer.complain"),
        ("orderer.resend", "4s", "orderer.resend: must be shorter than orderer.view_change"),
        ("channels.0.name", "UP", "channels[0].name: 'UP' must be 1 to 100 of a-z 0-9 . -, a letter"
                                  " first"),
        ("channels.0.communities", [], "channels[0].communities: must be a list of 1 to 1000 "
                                       "entries"),
        ("channels.0.communities", ["a/b"], "channels[0].communities[0]: 'a/b' must be 1 to 64 of "
                                            "A-Z a-z 0-9 . _ -"),
        ("channels.0.modules", ["chat"], "channels[0].modules[0]: must be one of: voting, funds"),
        ("channels.0.members", ["bank", "court", "prop", "reg", "who"],
         "channels[0].members: who is not among orgs"),
        ("channels.0.members", ["bank", "court", "prop"],
         "channels[0]: reg must endorse but is not a member"),
        ("endorsement.substitute", "bank", "endorsement: bank cannot stand in for itself"),
        ("endorsement.require", ["bank"], "endorsement: a substitute needs at least two required "
                                          "orgs"),
        ("endorsement.require", ["bank", "bank"], "endorsement.require[1]: 'bank' is listed twice"),
        ("endorsement.substitute", "who", ["endorsement: who is not among orgs",
                                           "channels[0]: who must endorse but is not a member"]),
        ("ports", 80, "ports: must be a whole number from 1024 to 60000"),
        ("chaincode.command", [], "chaincode.command: must be a list of 1 to 50 entries"),
        ("chaincode.name", "a_b", "chaincode.name: 'a_b' must be letters and digits in parts joined"
                                  " by '-'"),
        ("limits.gateway_requests", 9, "limits.gateway_requests: must be a whole number from 10 to "
                                       "100000"),
        ("timing.gossip_request", "30s", "timing.gossip_request: must be shorter than "
                                          "timing.ready"),
        ("timing.time_window", "16m", "timing.time_window: must be 10s to 15m, with a unit (ms, s, "
                                      "m, h)"),
    ],
)  # fmt: skip
def test_wrong_values_are_found(path: str, value: object, problem: str | list[str]) -> None:
    expected = [problem] if isinstance(problem, str) else problem
    assert findings(changed(path, value)) == expected


def test_a_channel_with_its_own_endorsement_is_checked_by_it() -> None:
    document = changed("channels.0.endorsement", {"require": ["bank", "who"]})
    assert findings(document) == ["channels[0].endorsement: who must endorse but is not a member"]


def test_an_endorser_without_a_peer_is_refused() -> None:
    document = changed("orgs.reg.peers", 0)
    assert findings(document) == [
        "endorsement: reg must endorse but runs no peer",
        "channels[0]: reg must endorse but is not a member",
    ]


def test_an_org_without_any_node_is_refused() -> None:
    document = changed("orgs.idle", {"msp": "IdleMSP", "peers": 0, "orderers": 0})
    assert findings(document) == ["orgs.idle: runs neither a peer nor an orderer"]


def test_channels_and_communities_are_named_once() -> None:
    one = {"name": "one", "communities": ["one"]}
    assert findings(changed("channels", [one, {"name": "one", "communities": ["two"]}])) == [
        "channels[1].name: one is already a channel"
    ]
    assert findings(changed("channels", [one, {"name": "two", "communities": ["one"]}])) == [
        "channels[1].communities: one is already on one"
    ]


def test_all_findings_come_at_once() -> None:
    document = changed("orgs.bank.msp", "no spaces please")
    document["ports"] = "some"
    document["chanels"] = []
    del document["channels"]
    assert findings(document) == [
        "chanels: is not a known key (known: name, fabric, orgs, orderer, channels, endorsement, "
        "ports, chaincode, limits, timing)",
        "orgs.bank.msp: 'no spaces please' must be 2 to 40 letters and digits, a letter first",
        "channels: is missing",
        "ports: must be a whole number from 1024 to 60000",
    ]


@pytest.mark.parametrize("document", [None, [], "text", 7])
def test_a_document_that_is_no_mapping_is_refused(document: object) -> None:
    assert "(top): must be a mapping" in findings(document)


def test_added_channels_count_like_written_ones() -> None:
    extra = {"name": "two", "communities": ["two"]}
    assert [c.name for c in parse(GOOD, (extra,)).channels] == ["one", "two"]
    assert findings(GOOD, ({"name": "two", "communities": ["one"]},)) == [
        "channels[1].communities: one is already on one"
    ]
    assert findings(GOOD, ({"name": "No", "communities": ["x"]},))[0].startswith("added[0].name")


def test_a_channel_written_after_it_was_added_counts_once() -> None:
    assert len(parse(GOOD, ({"name": "one", "communities": ["one"]},)).channels) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name: [", "is not YAML"),
        (b"name: a\nname: b\n", "the key 'name' is given twice"),
        (b"1: a\n", "the key 1 must be text"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"!!python/object/apply:os.system [x]", "is not YAML"),
        (b"#" * (FILE_BYTES_MAX + 1), "is larger than"),
    ],
)
def test_a_file_that_cannot_be_read_as_yaml(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "network.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigErrors) as caught:
        load(file)
    assert len(caught.value.findings) == 1
    assert caught.value.findings[0].path == str(file)
    assert problem in caught.value.findings[0].problem


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_the_readme_lists_every_key_and_no_other() -> None:
    text = (NETWORK / "README.md").read_text("utf-8")
    section = text.split("## network.yaml")[1].split("\n## ")[0]
    listed = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(key_paths(SCHEMA))
