"""The route of what a measurement costs."""

from __future__ import annotations

from seenat.remote.route import Route

__all__ = ["COST_ROUTES"]

COST_ROUTES = (
    Route(
        path="/estimates",
        method="estimate",
        query=(
            *(
                "models",
                "steps",
                "sequences",
                "sample",
                "seed",
                "unseen",
                "measure",
                "prompt",
                "continuation",
                "offset",
            ),
            *("eos", "dtype", "adaptive", "coarse", "audit", "allow_suspect"),
            *("gpus", "workers", "share_of_peak", "hub_bytes", "price_per_hour"),
        ),
        required=("models",),
        star="models",
        example={"models": "pythia-70m", "workers": "1,512"},
    ),
)
