"""The decoders, by name."""

from __future__ import annotations

from typing import assert_never

from models.autoregressive import AutoregressiveDecoder
from models.config import ForecasterConfig
from models.decoder import LowRankDecoder
from models.unicycle import UnicycleDecoder


def make_decoder(
    config: ForecasterConfig, *, in_width: int
) -> LowRankDecoder | UnicycleDecoder | AutoregressiveDecoder:
    """Build the decoder that the config names.

    Args:
        config: Of the forecaster.
        in_width: Of what is known of an agent.
    """
    if config.decoder == "autoregressive":
        return AutoregressiveDecoder(
            state_width=in_width,
            width=config.width,
            num_modes=config.num_modes,
            num_future=config.num_future,
            rate_hz=config.rate_hz,
        )
    low_rank = LowRankDecoder(
        in_width=in_width,
        width=2 * config.width,
        num_modes=config.num_modes,
        rank=config.basis_rank,
        num_future=config.num_future,
        dropout=config.dropout,
    )
    if config.decoder == "low_rank":
        return low_rank
    if config.decoder == "unicycle":
        return UnicycleDecoder(
            low_rank,
            in_width=2 * config.width,
            num_modes=config.num_modes,
            num_future=config.num_future,
            rate_hz=config.rate_hz,
            vehicles=config.vehicle_categories,
            num_categories=config.num_categories,
        )
    assert_never(config.decoder)
