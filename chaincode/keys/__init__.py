"""Every ledger key. Nothing else builds one.

A key is ``community/kind/part/part``; parts are ids (``[A-Za-z0-9._-]``), so ``/`` separates
without escaping and a range ``prefix/`` to ``prefix0`` (``0`` follows ``/`` in ASCII) holds
exactly the keys below a prefix. Every key begins with its community, so that many communities
can share a channel.
"""

from chaincode.keys.build import below as below
from chaincode.keys.money import *  # noqa: F403
from chaincode.keys.offices import *  # noqa: F403
from chaincode.keys.people import *  # noqa: F403
from chaincode.keys.voting import *  # noqa: F403
