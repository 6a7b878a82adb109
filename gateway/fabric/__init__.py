"""An asyncio client of Fabric's Gateway and Deliver services. It knows nothing of motions or money.

It may import grpc, the Fabric protos and cryptography; `gateway.ledger` and what is beside it use
it, the API and the pages do not.
"""
