"""The body of a delivery: the event, words for people, and the package when a result is final.

This is the one port to the outside: an office's system reads `package`, a sender of SMS, WeChat
or app messages passes `message` on to those it knows to belong to `audience`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.live.package import ResultPackage, result_package
from gateway.projection.answers import LedgerEvent
from gateway.projection.readmodel import ReadModel

FINAL_EVENT: Final = "ResultFinal"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for people in both languages, and for whom it is."""

    audience: str
    zh: str
    en: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber receives."""

    type: str
    community: str
    position: str
    tx_id: str
    at: int
    data: Any
    message: Message | None = None
    package: ResultPackage | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences about an event; `{title}` is the title of the record that `kind` and the event's
    field `id_field` name."""

    kind: str
    id_field: str
    zh: str
    en: str
    audience: str = "owners"


WORDINGS: Final[Mapping[str, Wording]] = {
    "MotionPublished": Wording(
        "motion",
        "motion_id",
        "《{title}》已公告，请留意投票时间。",
        "Notice was given of “{title}”. Please note when voting opens.",
    ),
    "MotionExtended": Wording(
        "motion",
        "motion_id",
        "《{title}》的投票时间已变更。",
        "The voting time of “{title}” has changed.",
    ),
    "MotionVoided": Wording(
        "motion",
        "motion_id",
        "《{title}》已作废，不产生表决结果。",
        "“{title}” was voided and has no result.",
    ),
    "ResultPreliminary": Wording(
        "motion",
        "motion_id",
        "《{title}》已计票并公示，公示期内可以提出异议。",
        "“{title}” has been counted. You may object while the result is on display.",
    ),
    "ResultFinal": Wording(
        "motion",
        "motion_id",
        "《{title}》的表决结果已生效。",
        "The result of “{title}” is final.",
    ),
    "BulletinPublished": Wording(
        "bulletin",
        "bulletin_id",
        "主管部门发布了《{title}》。",
        "The regulator published “{title}”.",
        audience="everybody",
    ),
}
"""Events about which people are told of their own accord."""


async def delivery_body(model: ReadModel, event: LedgerEvent) -> bytes:
    """The JSON of a delivery, the same for every attempt while the read model stands.

    Raises DatabaseUnavailable.
    """
    data = json.loads(event.payload)
    package = None
    if event.name == FINAL_EVENT:
        package = await result_package(model, event.community, data["motion_id"])
    delivery = Delivery(
        type=event.name,
        community=event.community,
        position=str(event.position),
        tx_id=event.tx_id,
        at=event.at,
        data=data,
        message=await _message(model, event, data),
        package=package,
    )
    return msgspec.json.encode(delivery, order="sorted")


async def _message(model: ReadModel, event: LedgerEvent, data: Mapping[str, Any]) -> Message | None:
    wording = WORDINGS.get(event.name)
    if wording is None:
        return None
    key = f"{event.community}/{wording.kind}/{data[wording.id_field]}"
    _, record = await model.record(event.community, key)
    if record is None:
        return None
    title = record.value["content"]["title"]
    return Message(
        audience=wording.audience,
        zh=wording.zh.replace("{title}", title),
        en=wording.en.replace("{title}", title),
    )
