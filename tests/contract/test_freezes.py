"""Freezing by owners, committee, regulator and arbitration, and what it stops."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode.errors import Conflict
from chaincode.model.base import Org
from chaincode.model.freeze import FreezeTerms, LiftOrder, LiftReason
from chaincode.model.payment import PaymentPhase
from chaincode.rules.payment import phase
from tests.support.funds import (
    COMMUNITY,
    DAY_MS,
    MAINTENANCE,
    MEMBERS,
    Treasury,
    sha,
    treasury,
)
from tests.support.memory_ledger import ReadConflict
from tests.support.offices import OWNERS, events, freeze_order, refused, settled_town

LIFT = LiftOrder(reason=LiftReason.SETTLED, evidence_sha256=sha("settled"))
A, B = OWNERS["1-1-101"], OWNERS["1-1-102"]
PARKING = OWNERS["2-1-P1"]


def asked(town: Treasury, by: str = PARKING, **fields: object) -> None:
    town.run(
        "ask_freeze", by, freeze_id="z", order=freeze_order(town, "fund", MAINTENANCE, **fields)
    )


def set_by(town: Treasury, org: Org, freeze_id: str = "z", subject: str = MAINTENANCE) -> None:
    frozen = "fund" if subject == MAINTENANCE else subject.split("-")[0]
    order = freeze_order(town, frozen, subject)
    decision = None
    if org is Org.COMMITTEE:
        decision = town.decide("freeze", freeze_id, order)
    town.run("set_freeze", org, freeze_id=freeze_id, order=order, decision_id=decision)


# --- Owners ---


def test_owners_with_the_share_freeze_and_lift() -> None:
    town = settled_town()
    asked(town)
    view = town.ask("freeze_request", freeze_id="z")
    assert (view.support.heads, view.support.of_heads, view.is_supported) == (1, 5, True)
    frozen = town.run("set_owners_freeze", Org.BANK, freeze_id="z")
    assert (frozen.by, frozen.support.heads) == ("owners", 1)
    assert town.run("set_owners_freeze", Org.PROPERTY, freeze_id="z") == frozen
    assert town.ask("freeze", freeze_id="z").is_in_force
    assert refused(town, "lift_owners_freeze", freeze_id="z") == "409 freeze/still-supported"
    town.run("support_freeze", PARKING, freeze_id="z", supports=False)
    lifted = town.run("lift_owners_freeze", Org.COMMITTEE, freeze_id="z")
    assert (lifted.lifted_by, lifted.lift.reason) == ("owners", "support-withdrawn")
    assert town.run("lift_owners_freeze", freeze_id="z") == lifted
    assert [one["event"] for one in events(town, "MoneyFrozen") + events(town, "FreezeLifted")] == [
        "MoneyFrozen",
        "FreezeLifted",
    ]


def test_support_is_one_key_per_owner_and_no_counter() -> None:
    town = settled_town()
    town.run("set_freeze_terms", terms=FreezeTerms(num=2, den=5, by_area=False))
    assert town.ask("freeze_terms").num == 2
    asked(town)
    first, _ = town.endorse("support_freeze", A, freeze_id="z", supports=True)
    second, _ = town.endorse("support_freeze", B, freeze_id="z", supports=True)
    first.commit()
    second.commit()
    assert town.ask("freeze_request", freeze_id="z").support.heads == 3
    assert len(events(town, "FreezeSupported")) == 3


def test_support_that_comes_while_it_is_counted_makes_the_count_fail() -> None:
    town = settled_town()
    asked(town)
    counting, _ = town.endorse("set_owners_freeze", Org.BANK, freeze_id="z")
    town.run("support_freeze", A, freeze_id="z", supports=True)
    with pytest.raises(ReadConflict):
        counting.commit()


def test_the_refusals_of_calls_to_freeze_in_order() -> None:
    town = settled_town()
    order = freeze_order(town, "fund", "nowhere", until_at=town.now_ms)
    call = {"freeze_id": "z", "order": order}
    assert refused(town, "ask_freeze", "stranger", **call) == "403 caller/not-owner"
    assert refused(town, "ask_freeze", A, **call) == "404 fund/unknown"
    for kind in ("budget", "payment"):
        other = freeze_order(town, kind, "nowhere")
        assert refused(town, "ask_freeze", A, freeze_id="z", order=other) == f"404 {kind}/unknown"
    set_by(town, Org.REGULATOR)
    over = {"freeze_id": "z", "order": freeze_order(town, "fund", MAINTENANCE, until_at=1)}
    assert refused(town, "ask_freeze", A, **over) == "409 freeze/exists"
    assert refused(town, "ask_freeze", A, **{**over, "freeze_id": "y"}) == "422 freeze/over"
    late = freeze_order(town, "fund", MAINTENANCE, until_at=town.now_ms + 91 * DAY_MS)
    assert refused(town, "ask_freeze", A, freeze_id="y", order=late) == "422 freeze/too-long"


def test_the_refusals_of_support_and_count_in_order() -> None:
    town = settled_town()
    town.run("set_freeze_terms", terms=FreezeTerms(num=2, den=5, by_area=False))
    support = {"freeze_id": "z", "supports": True}
    assert refused(town, "support_freeze", "stranger", **support) == "403 caller/not-owner"
    assert refused(town, "support_freeze", A, **support) == "404 freeze/unknown"
    assert refused(town, "set_owners_freeze", freeze_id="z") == "404 freeze/unknown"
    asked(town)
    assert refused(
        town, "ask_freeze", B, freeze_id="z", order=freeze_order(town, "fund", MAINTENANCE)
    ) == ("409 freeze/exists")
    assert refused(town, "set_owners_freeze", freeze_id="z") == "422 freeze/too-few"
    town.pass_ms(10 * DAY_MS)
    assert refused(town, "support_freeze", A, **support) == "422 freeze/over"
    assert refused(town, "set_owners_freeze", freeze_id="z") == "422 freeze/over"


def test_bad_terms_are_no_request() -> None:
    town = settled_town()
    assert refused(town, "set_freeze_terms", terms=FreezeTerms(num=0)) == "400 freeze/bad-terms"


# --- Organisations ---


@pytest.mark.parametrize("org", [Org.COMMITTEE, Org.REGULATOR, Org.ARBITRATION])
def test_an_organisation_freezes_renews_and_lifts(org: Org) -> None:
    town = treasury()
    set_by(town, org)
    set_by(town, org, "renewed")
    order = town.ask("freeze", freeze_id="z").freeze.order
    assert town.run("set_freeze", org, freeze_id="z", order=order).freeze_id == "z"
    decision = town.decide("freeze-lift", "z", LIFT) if org is Org.COMMITTEE else None
    lift = {"freeze_id": "z", "lift": LIFT, "decision_id": decision}
    lifted = town.run("lift_freeze", org, **lift)
    assert lifted.lifted_by == org
    assert town.run("lift_freeze", org, **lift) == lifted
    assert [view.is_in_force for view in town.ask("freezes").freezes] == [True, False]
    running = town.ask("freezes", in_force=True).freezes
    assert [view.freeze.freeze_id for view in running] == ["renewed"]
    assert town.ask("freezes", after="renewed", limit=1).freezes[0].freeze.freeze_id == "z"


def test_the_committee_freezes_by_its_own_decision_alone() -> None:
    town = treasury()
    order = freeze_order(town, "fund", MAINTENANCE)
    call = {"freeze_id": "z", "order": order}
    run = ("set_freeze", Org.COMMITTEE)
    assert refused(town, *run, **call) == "404 committee-decision/unknown"
    other = town.decide("freeze", "other", order)
    wrong = "409 committee-decision/other-content"
    assert refused(town, *run, **call, decision_id=other) == wrong
    lost = town.decide("freeze", "z", order, carried=False)
    assert refused(town, *run, **call, decision_id=lost) == "422 committee-decision/not-carried"
    set_by(town, Org.COMMITTEE)
    lift = {"freeze_id": "z", "lift": LIFT}
    assert refused(town, "lift_freeze", Org.COMMITTEE, **lift) == "404 committee-decision/unknown"


def test_the_refusals_of_setting_and_lifting_in_order() -> None:
    town = treasury()
    call = {"freeze_id": "z", "order": freeze_order(town, "fund", "nowhere")}
    assert refused(town, "set_freeze", **call) == "404 fund/unknown"
    set_by(town, Org.ARBITRATION)
    call["order"] = freeze_order(town, "fund", MAINTENANCE, until_at=1)
    assert refused(town, "set_freeze", **call) == "409 freeze/exists"
    assert refused(town, "set_freeze", **{**call, "freeze_id": "y"}) == "422 freeze/over"
    lift = {"lift": LIFT}
    assert refused(town, "lift_freeze", freeze_id="x", **lift) == "404 freeze/unknown"
    assert refused(town, "lift_freeze", freeze_id="z", **lift) == "403 freeze/not-yours-to-lift"
    assert refused(town, "lift_owners_freeze", freeze_id="z") == "403 freeze/not-yours-to-lift"
    town.pass_ms(10 * DAY_MS)
    done = refused(town, "lift_freeze", Org.ARBITRATION, freeze_id="z", **lift)
    assert done == "409 freeze/not-in-force"


# --- What a freeze stops ---


@pytest.mark.parametrize("level", ["fund", "budget", "payment"])
def test_a_freeze_stops_holds_and_orders_and_settles_what_was_sent(level: str) -> None:
    town = treasury()
    budget_id = town.open_budget(10_000)
    asked_for = town.ask_payment(budget_id, 1_000)
    held, sent = town.held_payment(budget_id, 1_000), town.ordered_payment(budget_id, 1_000)
    subjects = {"fund": [MAINTENANCE], "budget": [budget_id], "payment": [asked_for, held, sent]}
    for number, subject in enumerate(subjects[level]):
        set_by(town, Org.REGULATOR, f"z{number}", subject)
    town.approve(asked_for, *MEMBERS[:2])
    content_sha256 = town.ask("payment", payment_id=asked_for).content_sha256
    last = {"payment_id": asked_for, "content_sha256": content_sha256, "verdict": "approve"}
    assert refused(town, "answer_payment", MEMBERS[2], **last) == "409 payment/frozen"
    order = {"payment_id": held, "order_id": "o"}
    assert refused(town, "order_payment", Org.BANK, **order) == "409 payment/frozen"
    town.report(sent, "accepted")
    assert phase(town.report(sent, "settled", amount_fen=1_000)) is PaymentPhase.SETTLED
    town.pass_ms(10 * DAY_MS)
    town.approve(asked_for, MEMBERS[2])
    town.order(held)
    assert phase(town.payment(asked_for)) is PaymentPhase.HELD


def test_a_hold_endorsed_before_a_freeze_and_sent_after_it_fails() -> None:
    town = treasury()
    held = town.held_payment(town.open_budget(5_000), 1_000)
    order, _ = town.endorse("order_payment", Org.BANK, payment_id=held, order_id="o")
    set_by(town, Org.REGULATOR)
    with pytest.raises(ReadConflict):
        order.commit()


STEPS = st.lists(st.sampled_from(["freeze", "lift", "pass", "accept", "settle"]), max_size=12)


@settings(deadline=None)
@given(steps=STEPS)
def test_no_freeze_ever_blocks_the_settlement_of_a_sent_order(steps: list[str]) -> None:
    town = treasury()
    budget_id = town.open_budget(5_000)
    sent = town.ordered_payment(budget_id, 1_000)
    count, settled = 0, False
    for step in (*steps, "settle"):
        if step == "freeze":
            for subject in (MAINTENANCE, budget_id, sent):
                count += 1
                set_by(town, Org.REGULATOR, f"z{count}", subject)
        elif step == "lift" and count:
            with suppress(Conflict):  # it has run out
                town.run("lift_freeze", freeze_id=f"z{count}", lift=LIFT)
        elif step == "pass":
            town.pass_ms(4 * DAY_MS)
        elif step == "accept":
            town.report(sent, "accepted")
        elif step == "settle":
            town.report(sent, "settled", amount_fen=1_000)
            settled = True
    assert settled
    assert phase(town.payment(sent)) is PaymentPhase.SETTLED
    assert town.exceptions() == []
    assert town.book().held == 0


def test_keys_of_freezes_begin_with_the_community() -> None:
    town = settled_town()
    asked(town)
    town.run("set_owners_freeze", freeze_id="z")
    assert all(key.startswith(f"{COMMUNITY}/") for key in town.ledger.histories)
