"""The regulator's bulletins: published, superseded, withdrawn, and who they are for."""

import pytest

from chaincode.model.base import Org
from chaincode.model.bulletin import Audience, BulletinContent, BulletinKind, WithdrawalReason
from chaincode.model.motion import Document
from tests.support.funds import DAY_MS, Treasury, sha, treasury
from tests.support.offices import events, refused
from tests.support.town import Town, refusal

ERROR = WithdrawalReason.ERROR


def content(title: str = "Rules on lifts", **fields: object) -> BulletinContent:
    given = {
        "text": Document(sha256=sha(title), bytes_count=900, media_type="text/html"),
        "kind": BulletinKind.POLICY,
        "audience": Audience.OWNERS,
        **fields,
    }
    return BulletinContent(title=title, **given)  # type: ignore[arg-type]


def publish(town: Treasury, bulletin_id: str = "b1", **fields: object) -> object:
    return town.run("publish_bulletin", bulletin_id=bulletin_id, content=content(**fields))  # type: ignore[arg-type]


def listed(town: Treasury, **fields: object) -> list[str]:
    found = town.ask("bulletins", **fields).bulletins
    return [view.bulletin.bulletin_id for view in found]


def test_a_bulletin_is_published_once() -> None:
    town = treasury("voting")
    first = publish(town)
    assert publish(town) == first
    assert town.ask("bulletin", bulletin_id="b1").phase == "in-force"
    assert events(town, "BulletinPublished") == [
        {
            "audience": "owners",
            "bulletin_id": "b1",
            "community": "fuzemen",
            "event": "BulletinPublished",
            "kind": "policy",
            "supersedes": None,
        }
    ]


def test_one_supersedes_another_and_is_withdrawn() -> None:
    town = treasury()
    publish(town)
    publish(town, "b2", supersedes="b1")
    assert town.ask("bulletin", bulletin_id="b1").phase == "superseded"
    assert town.ask("bulletin", bulletin_id="b1").bulletin.superseded_by == "b2"
    withdrawn = town.run("withdraw_bulletin", bulletin_id="b2", reason=ERROR)
    assert town.run("withdraw_bulletin", bulletin_id="b2", reason=ERROR) == withdrawn
    assert town.ask("bulletin", bulletin_id="b2").phase == "withdrawn"
    assert len(events(town, "BulletinWithdrawn")) == 1
    assert listed(town) == []
    assert listed(town, in_force=False) == ["b1", "b2"]


def test_the_list_is_for_one_audience_or_all_and_ends_with_the_validity() -> None:
    town = treasury()
    publish(town, "b1")
    publish(town, "b2", audience=Audience.COMPANY, valid_until_at=town.now_ms + DAY_MS)
    publish(town, "b3", audience=Audience.EVERYBODY)
    assert listed(town) == ["b1", "b2", "b3"]
    assert listed(town, audience=Audience.COMPANY) == ["b2", "b3"]
    assert listed(town, after="b1", limit=1) == ["b2"]
    town.pass_ms(DAY_MS)
    assert town.ask("bulletin", bulletin_id="b2").phase == "over"
    assert listed(town, audience=Audience.COMPANY) == ["b3"]


def test_the_refusals_of_publishing_in_order() -> None:
    town = treasury()
    town.run("set_words", words=("forbidden",))
    bad = {"title": "For-Bidden words", "valid_until_at": town.now_ms, "supersedes": "b0"}

    def refused_now(bulletin_id: str = "b1") -> str:
        given = content(**bad)  # type: ignore[arg-type]
        return refused(town, "publish_bulletin", bulletin_id=bulletin_id, content=given)

    assert refused_now() == "404 bulletin/unknown"
    publish(town, "b0")
    town.run("withdraw_bulletin", bulletin_id="b0", reason=ERROR)
    assert refused_now("b0") == "409 bulletin/exists-with-different-content"
    assert refused_now() == "409 bulletin/not-in-force"
    del bad["supersedes"]
    assert refused_now() == "422 bulletin/over"
    bad["valid_until_at"] = town.now_ms + 1
    assert refused_now() == "422 bulletin/forbidden-word"


@pytest.mark.parametrize("until", ["withdrawn", "superseded", "over"])
def test_what_is_out_of_force_is_not_withdrawn(until: str) -> None:
    town = treasury()
    withdraw = {"bulletin_id": "b1", "reason": WithdrawalReason.REPEALED}
    assert refused(town, "withdraw_bulletin", **withdraw) == "404 bulletin/unknown"
    publish(town, valid_until_at=town.now_ms + DAY_MS)
    if until == "withdrawn":
        town.run("withdraw_bulletin", bulletin_id="b1", reason=ERROR)
    elif until == "superseded":
        publish(town, "b2", supersedes="b1")
    else:
        town.pass_ms(DAY_MS)
    assert refused(town, "withdraw_bulletin", **withdraw) == "409 bulletin/not-in-force"


@pytest.mark.parametrize("org", [org for org in Org if org is not Org.REGULATOR])
async def test_only_the_regulator_publishes(org: Org) -> None:
    town = await Town().open("voting")
    for call in ("publish_bulletin", "withdraw_bulletin"):
        fields = {"bulletin_id": "b1", "reason": "error"}
        if call == "publish_bulletin":
            document = {"sha256": sha(""), "bytes_count": 1, "media_type": "text/plain"}
            about = {"title": "t", "text": document, "kind": "law", "audience": "owners"}
            fields = {"bulletin_id": "b1", "content": about}  # type: ignore[dict-item]
        assert refusal(await town.call(org, call, **fields)) == (403, "caller/org")
