"""A chaincode on a channel: the short calls, and the first of the steps."""

from collections.abc import Mapping, Sequence

from gateway.fabric.commit import Commit
from gateway.fabric.context import Context
from gateway.fabric.follower import CommitFollower
from gateway.fabric.proposal import Proposal, build_proposal
from gateway.fabric.submission import Committed


class Contract:
    """Calls of one chaincode.

    `evaluate` asks one peer and writes nothing. `submit` is proposal -> endorse -> submit ->
    commit; each step can be run alone, starting with `proposal`. `transient` data reaches the
    endorsers but not the ledger. `endorsing_orgs` (MSP ids) overrides the peer's choice.
    """

    def __init__(self, context: Context, channel_name: str, chaincode_name: str) -> None:
        self._context = context
        self.channel_name = channel_name
        self.chaincode_name = chaincode_name

    def proposal(
        self,
        function: str,
        *args: str | bytes,
        transient: Mapping[str, bytes] | None = None,
        endorsing_orgs: Sequence[str] = (),
    ) -> Proposal:
        """A new proposal, neither signed nor sent."""
        return build_proposal(
            self._context,
            self.channel_name,
            self.chaincode_name,
            (function, *args),
            transient=transient,
            endorsing_orgs=endorsing_orgs,
        )

    async def evaluate(
        self,
        function: str,
        *args: str | bytes,
        transient: Mapping[str, bytes] | None = None,
        endorsing_orgs: Sequence[str] = (),
    ) -> bytes:
        """The chaincode's answer to a query. Raises EvaluateError, Throttled."""
        proposal = self.proposal(
            function, *args, transient=transient, endorsing_orgs=endorsing_orgs
        )
        return await proposal.evaluate()

    async def submit(
        self,
        function: str,
        *args: str | bytes,
        transient: Mapping[str, bytes] | None = None,
        endorsing_orgs: Sequence[str] = (),
        follower: CommitFollower | None = None,
    ) -> Committed:
        """Endorse, submit, and return when the transaction is applied.

        Raises EndorseError, SubmitError, Throttled: nothing happened. CommitError: in a block, not
        applied. OutcomeUnknown: looked up and sent again as often as allowed, still not known.
        """
        proposal = self.proposal(
            function, *args, transient=transient, endorsing_orgs=endorsing_orgs
        )
        transaction = await proposal.endorse()
        return await transaction.commit(follower=follower)

    async def submit_async(
        self,
        function: str,
        *args: str | bytes,
        transient: Mapping[str, bytes] | None = None,
        endorsing_orgs: Sequence[str] = (),
    ) -> tuple[bytes, Commit]:
        """Endorse and submit; return the chaincode's answer before the commit, and the commit.

        Raises EndorseError, SubmitError (which may be ordered all the same), Throttled.
        """
        proposal = self.proposal(
            function, *args, transient=transient, endorsing_orgs=endorsing_orgs
        )
        transaction = await proposal.endorse()
        result = transaction.result()
        return result, await transaction.submit()
