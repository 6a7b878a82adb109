"""Answers Fabric peers for one contract: chaincode as an external service (CCaaS).

Knows Fabric's chaincode protocol and no rule of the contract it serves.
"""
