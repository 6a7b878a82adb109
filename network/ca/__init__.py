"""Fabric CA: its server's configuration and an asyncio client of its REST API."""
