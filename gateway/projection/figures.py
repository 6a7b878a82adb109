"""What the projector knows of each channel, as figures for Prometheus."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.projection.projector import Projector

MS_PER_S: Final = 1000


class ChannelFigures(Collector):
    """Asked at each scrape, so that a channel that was added is among the others."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector

    def collect(self) -> Iterable[Metric]:
        """Blocks in the read model, and since when it is not known to be at a chain's end."""
        blocks = GaugeMetricFamily(
            "gateway_channel_blocks", "Blocks in the read model.", labels=("channel",)
        )
        behind = GaugeMetricFamily(
            "gateway_channel_behind_seconds",
            "Since when the read model is not known to have all blocks of the peer.",
            labels=("channel",),
        )
        for channel in self._projector.channels:
            blocks.add_metric((channel,), self._projector.height(channel))
            behind.add_metric((channel,), self._projector.behind_ms(channel) / MS_PER_S)
        return blocks, behind
