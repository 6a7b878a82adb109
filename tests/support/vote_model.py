"""Which ballots a vote takes and which stand: the rules of casting again, naive.

Shares no code with chaincode/rules. It says yes or no to each attempt, keeps what was accepted in
dictionaries, and lists at the end the one ballot of each unit for `oracle.count`.
"""

from dataclasses import dataclass, field
from typing import Any

from chaincode.model.rule import DecisionRule
from chaincode.model.tally import CastBallot, UnitWeight


@dataclass
class Home:
    """One unit: its owners when the roll was frozen and now."""

    area: int
    frozen: frozenset[str]
    owners: frozenset[str]
    since: int
    representative: str | None


@dataclass
class VoteModel:
    """One motion's ballots."""

    rule: DecisionRule
    homes: dict[str, Home]
    opens: int
    closes: int
    online: dict[str, dict[str, Any]] = field(default_factory=dict)
    sheets: dict[str, dict[str, Any]] = field(default_factory=dict)
    wishes: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    closed: bool = False

    # --- Attempts ---

    def cast(
        self, who: str, units: list[str], choice: str, signed: int, now: int, owner: str | None
    ) -> bool:
        """`owner` is whose proxy `who` uses for exactly `units`; None for the own ballot."""
        if self.closed or not self.opens <= now < self.closes:
            return False
        if not all(self._may_cast(who, unit, signed, owner) for unit in units):
            return False
        for unit in units:
            self._record(who, unit, choice, signed, now, owner)
        return True

    def _may_cast(self, who: str, unit: str, signed: int, owner: str | None) -> bool:
        home, principal = self.homes[unit], owner or who
        if principal not in home.owners:
            return False
        if self._sold_after_voting(unit):
            return False
        many = len(home.owners) > 1
        if many and self.rule.co_owner == "all-sign":
            if owner is not None:
                return False
            if self.wishes.get((unit, who), ("", -1))[1] >= signed:
                return False
        if many and self.rule.co_owner == "representative" and home.representative != principal:
            return False
        earlier = self.online.get(unit)
        if earlier is None:
            return True
        if self.rule.proxy.owner_overrides and earlier["proxy"] != (owner is not None):
            return owner is None
        return self.rule.revote == "last-counts" and signed > earlier["signed"]

    def _sold_after_voting(self, unit: str) -> bool:
        owners = self.homes[unit].owners
        ballot, sheet = self.online.get(unit), self.sheets.get(unit)
        return (ballot is not None and ballot["owners"] != owners) or (
            sheet is not None and not sheet["signers"] & owners
        )

    def _record(
        self, who: str, unit: str, choice: str, signed: int, now: int, owner: str | None
    ) -> None:
        owners = self.homes[unit].owners
        if len(owners) > 1 and self.rule.co_owner == "all-sign":
            self.wishes[unit, who] = (choice, signed)
            if {self.wishes.get((unit, one), ("", 0))[0] for one in owners} != {choice}:
                return
        earlier = self.online.get(unit)
        again = earlier is not None and earlier["proxy"] == (owner is not None)
        self.online[unit] = {
            "choice": choice,
            "signed": signed,
            "at": now,
            "first": earlier["first"] if earlier and again else now,
            "owners": owners,
            "proxy": owner is not None,
        }

    def paper(self, unit: str, signers: frozenset[str], choice: str, received: int) -> bool:
        """A sheet read alike by two clerks; `choice` may be `spoiled`."""
        home, ballot = self.homes[unit], self.online.get(unit)
        sold = signers <= home.frozen and received < home.since
        if unit in self.sheets or not (signers <= home.owners or sold):
            return False
        if ballot and not signers & ballot["owners"] and received >= ballot["first"]:
            return False
        if not self.opens <= received < self.closes:
            return False
        some = signers <= home.owners and signers != home.owners
        if some and (self.rule.co_owner == "all-sign" or home.representative not in signers):
            return False
        self.sheets[unit] = {"choice": choice, "signers": signers, "received": received}
        return True

    def sell(self, unit: str, buyer: str, now: int) -> None:
        home = self.homes[unit]
        home.owners, home.since, home.representative = frozenset({buyer}), now, None

    # --- The end ---

    def units(self) -> list[UnitWeight]:
        """The frozen roll for the oracle; equal owner sets are one head."""
        return [
            UnitWeight(unit_id=unit, head_id="+".join(sorted(home.frozen)), area_dm2=home.area)
            for unit, home in self.homes.items()
        ]

    def ballots(self) -> list[CastBallot]:
        """The one ballot of each unit that stands."""
        found = []
        for unit in {*self.online, *self.sheets}:
            on_paper = self._paper_stands(unit)
            choice = (self.sheets if on_paper else self.online)[unit]["choice"]
            spoiled = choice == "spoiled"
            choices = () if spoiled else (choice,)
            found.append(CastBallot(unit_id=unit, choices=choices, paper=on_paper, spoiled=spoiled))
        return found

    def _paper_stands(self, unit: str) -> bool:
        ballot, sheet = self.online.get(unit), self.sheets.get(unit)
        if ballot is None or sheet is None:
            return ballot is None
        if sheet["choice"] == "spoiled":
            return False
        if not sheet["signers"] & ballot["owners"]:
            return bool(sheet["received"] < ballot["first"])
        if ballot["proxy"] and self.rule.proxy.owner_overrides:
            return True
        return {
            "online": False,
            "paper": True,
            "latest": sheet["received"] > ballot["at"],
            "first": sheet["received"] < ballot["first"],
        }[self.rule.channels.precedence]

    def hand_count(self) -> dict[str, int]:
        """How many sheets say what."""
        said = [sheet["choice"] for sheet in self.sheets.values()]
        return {choice: said.count(choice) for choice in sorted(set(said))}
