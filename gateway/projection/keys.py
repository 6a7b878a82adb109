"""Where the other parts find the read model."""

from aiohttp import web

from gateway.projection.projector import BlockSource, Projector
from gateway.projection.readmodel import ReadModel

READ_MODEL = web.AppKey("read_model", ReadModel)
PROJECTOR = web.AppKey("projector", Projector)
BLOCK_SOURCE: web.AppKey[BlockSource] = web.AppKey("block_source")
"""For an application whose ledger is not Fabric's own."""
