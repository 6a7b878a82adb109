"""Every way a draft is refused, in the order of the checks; and the rules it stands under."""

from typing import Any

import pytest

from chaincode.model.base import Org, Role
from tests.support.community import (
    DOCUMENT,
    Commons,
    template,
    without_reviews,
)
from tests.support.people import Person
from tests.support.town import refusal

ELECTION = "cn-278-committee-seat"


def use_fund(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "use_fund",
        "fund_id": "maintenance",
        "amount_fen": 850_000,
        "purpose": "gate",
        "valid_until_at": 2_000_000_000_000,
        "payee_class": "builder",
        **fields,
    }


async def draft(town: Commons, motion_id: str = "m1", **content: Any) -> tuple[int, str]:
    """What refuses a draft of the regulator."""
    return refusal(
        await town.call(
            Org.REGULATOR,
            "draft_official_motion",
            motion_id=motion_id,
            content=town.content(**content),
        )
    )


# --- Draft ---

FORM_FLAWS = [
    ({"scope": {"kind": "community", "ids": ["1"]}}, "motion/scope-contradicts"),
    ({"scope": {"kind": "buildings", "ids": []}}, "motion/scope-contradicts"),
    ({"scope": {"kind": "units", "ids": ["1-1-1", "1-1-1"]}}, "motion/scope-contradicts"),
    ({"options": [{"option": "for"}]}, "motion/option-reserved"),
    ({"options": [{"option": "a"}, {"option": "a"}]}, "motion/option-repeated"),
    ({"attachments": [DOCUMENT, DOCUMENT]}, "motion/attachment-repeated"),
    ({"effect": use_fund(payee_id="firm")}, "motion/payee-contradicts"),
    ({"effect": use_fund(payee_class=None)}, "motion/payee-contradicts"),
    (
        {"effect": {"kind": "seat_committee", "term_from_at": 2, "term_until_at": 2}},
        "motion/term-contradicts",
    ),
    ({"title": ""}, "input/malformed"),
    ({"effect": {"kind": "abolish_the_law"}}, "input/malformed"),
]


@pytest.mark.parametrize(("flaw", "code"), FORM_FLAWS)
async def test_content_that_contradicts_itself_is_refused_first(
    flaw: dict[str, Any], code: str
) -> None:
    town = await Commons().settle()
    assert await draft(town, **{"matter_class": "unheard-of", **flaw}) == (400, code)


async def test_a_draft_needs_a_rule_and_an_id_of_its_own() -> None:
    town = await Commons().settle()
    assert await draft(town, matter_class="unheard-of") == (404, "rule/unknown")
    first = await town.drafted()
    assert await town.drafted() == first
    taken = await draft(town, title="Another question", options=[{"option": "x"}])
    assert taken == (409, "motion/exists")


RULE_FLAWS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"authority": {"initiators": ["petition"]}}, {}, "motion/initiator-not-allowed"),
    ({"authority": {"host": "city-system"}}, {}, "motion/held-elsewhere"),
    ({}, {"scope": {"kind": "buildings", "ids": ["1"]}}, "motion/scope-not-of-rule"),
    ({}, {"options": [{"option": "a"}]}, "motion/options-not-for-kind"),
    (
        {},
        {"effect": {"kind": "seat_committee", "term_from_at": 1, "term_until_at": 2}},
        "motion/effect-not-for-kind",
    ),
    (
        {},
        {"effect": {"kind": "adopt_rule", "rule": template("cn-278-ordinary", version=0)}},
        "rule/version-out-of-range",
    ),
]


@pytest.mark.parametrize(("rule", "content", "code"), RULE_FLAWS)
async def test_the_rule_must_allow_the_motion(
    rule: dict[str, Any], content: dict[str, Any], code: str
) -> None:
    town = await Commons().settle(rules=[without_reviews(**rule)])
    assert await draft(town, **content) == (422, code)


async def test_candidates_are_ids_and_several_options_have_labels() -> None:
    rules = [without_reviews(ELECTION), without_reviews("cn-278-choice")]
    town = await Commons().settle(rules=rules)
    matter = rules[0]["matter_class"]
    few = await draft(town, matter_class=matter, options=[{"option": "o1"}])
    assert few == (422, "motion/too-few-options")
    named = [{"option": f"o{n}", "label": "Zhang San"} for n in range(1, 7)]
    assert await draft(town, matter_class=matter, options=named) == (
        422,
        "motion/label-names-candidate",
    )
    fund = [{"option": f"o{n}"} for n in range(1, 7)]
    wrong = await draft(town, matter_class=matter, options=fund, effect=use_fund())
    assert wrong == (422, "motion/effect-not-for-kind")
    choice = {"matter_class": "choice"}
    assert await draft(town, **choice) == (422, "motion/too-few-options")
    bare = [{"option": "a"}, {"option": "b", "label": " "}]
    assert await draft(town, **choice, options=bare) == (422, "motion/label-missing")


async def test_a_listed_word_is_found_however_it_is_written() -> None:
    town = await Commons().settle(rules=[without_reviews(), without_reviews("cn-278-choice")])
    set_words = await town.done(Org.REGULATOR, "set_words", words=["违禁词", "Casino"])
    assert (await town.ask("words")) == set_words
    assert set_words["words"] == ["casino", "违禁词"]
    for title in ("违 禁·词", "上 ＣＡＳＩＮＯ", "cаsіno night", "Ca$ino", "违\u200b禁\u2060词"):
        outcome = await town.call(
            Org.REGULATOR,
            "draft_official_motion",
            motion_id="m1",
            content=town.content(title=title),
        )
        assert refusal(outcome) == (422, "motion/forbidden-word"), title
    labels = [{"option": "a", "label": "fine"}, {"option": "b", "label": "违禁词"}]
    assert await draft(town, matter_class="choice", options=labels) == (
        422,
        "motion/forbidden-word",
    )
    purpose = await draft(town, effect=use_fund(purpose="c a s i n o"))
    assert purpose == (422, "motion/forbidden-word")
    await town.drafted(title="Repair the gate")
    empty = await town.call(Org.REGULATOR, "set_words", words=["...", "word"])
    assert refusal(empty) == (400, "words/empty")
    many = await town.call(Org.REGULATOR, "set_words", words=["word"] * 5_001)
    assert refusal(many) == (400, "words/too-many")


async def test_who_drafts_must_be_who_they_say() -> None:
    town = await Commons().settle(
        rules=[without_reviews(authority={"initiators": ["committee", "petition", "property"]})]
    )
    company = await town.issue(Person("firm", "cred-firm"), Role.COMPANY_CLERK, Org.PROPERTY)

    async def drafted(person: Person, initiator: str, motion_id: str = "m1") -> Any:
        fields = {"motion_id": motion_id, "initiator": initiator, "content": town.content()}
        return await town.acted(person, "draft_motion", **fields)

    owner = town.people["o1"]
    assert refusal(await drafted(owner, "regulator")) == (400, "motion/initiator-not-by-act")
    assert refusal(await drafted(owner, "committee")) == (403, "caller/not-seated")
    assert refusal(await drafted(owner, "property")) == (403, "caller/not-the-company")
    assert refusal(await drafted(company, "petition")) == (403, "caller/not-owner")
    assert refusal(await drafted(town.clerks["clerk-a"], "petition")) == (403, "caller/role")
    await town.seated()
    assert (await drafted(owner, "committee")).status == 200
    assert (await drafted(company, "property", "m2")).status == 200
    assert refusal(await drafted(owner, "committee")) == (409, "motion/exists")


# --- Rules of the community ---


async def test_a_starting_rule_is_a_template_or_a_rule() -> None:
    town = await Commons().settle(rules=[])
    for request, expected in (
        ({}, (400, "rule/template-or-rule")),
        (
            {"template_id": "x", "rule": without_reviews()},
            (400, "rule/template-or-rule"),
        ),
        ({"template_id": "no-such-law"}, (404, "rule/template-unknown")),
        ({"rule": without_reviews(legal_basis=[])}, (422, "rule/legal-basis-missing")),
        ({"template_id": "cn-2007-ordinary"}, (422, "rule/not-in-force")),
    ):
        assert refusal(await town.call(Org.REGULATOR, "set_matter_rule", **request)) == expected
    asked = await town.query("matter_rule", matter_class="ordinary")
    assert refusal(asked) == (404, "rule/unknown")
    first = await town.done(Org.REGULATOR, "set_matter_rule", template_id="cn-278-ordinary")
    town.ledger.now_ms += 1
    again = await town.done(Org.REGULATOR, "set_matter_rule", template_id="cn-278-ordinary")
    assert again == first
    rules = (await town.ask("matter_rules"))["rules"]
    assert [rule["id"] for rule in rules] == ["cn-278-ordinary"]
    assert len((await town.ask("rule_templates"))["rules"]) > 40
    assert refusal(await town.query("words")) == (404, "words/none")


async def test_motions_are_listed_by_page() -> None:
    town = await Commons().settle()
    for number in range(3):
        await town.drafted(f"m{number}")
    page = (await town.ask("motions", limit=2))["motions"]
    assert [(one["motion"]["motion_id"], one["phase"]) for one in page] == [
        ("m0", "draft"),
        ("m1", "draft"),
    ]
    rest = (await town.ask("motions", after="m1"))["motions"]
    assert [one["motion"]["motion_id"] for one in rest] == ["m2"]
    assert rest[0]["closes_at"] is None


async def test_a_community_without_funds_decides_on_none() -> None:
    town = Commons()
    await town.open("voting")
    await town.done(Org.REGULATOR, "set_matter_rule", rule=without_reviews())
    assert await draft(town, effect=use_fund()) == (422, "motion/effect-module-not-used")
    company = {
        "kind": "replace_company",
        "company_id": "new-firm",
        "contract_sha256": "0" * 64,
        "from_at": town.ledger.now_ms,
    }
    await town.drafted(effect=company)
