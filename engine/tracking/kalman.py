"""A Kalman filter on the motion of each body as a whole, for many bodies at once.

The state of a body is its displacement and velocity; both axes have the same noise, so three
numbers hold the covariance of each. Velocity fades while nothing is measured, because people stop
and turn. Times are real seconds, so frames may be missing. Method: Kalman 1960, Singer 1970.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FADE = 2.0  # s after which an unseen body has lost 63 % of its speed
WANDER = 1.0  # body sizes per s^1.5: how much people change their velocity
_NEW_SPEED = 1.0  # body sizes per s: what may be expected of a body seen once
NOISE = 0.06  # body sizes: how far the middle of a pose is off


class Motion(NamedTuple):
    """Velocity and uncertainty of N bodies."""

    velocity: Floats  # (N, 2) px/s
    cov: Floats  # (N, 3) variance of position px², covariance px²/s, variance of velocity px²/s²


def at_rest(size: Floats) -> Motion:
    """Bodies seen for the first time; `size` (N,) px."""
    cov = np.stack([(NOISE * size) ** 2, 0 * size, (_NEW_SPEED * size) ** 2], axis=1)
    return Motion(np.zeros((len(size), 2)), cov)


def fade(dt: float) -> tuple[float, float]:
    """The share of its speed that an unseen body keeps after `dt` s, and how far it comes.

    The latter in s of full speed.
    """
    kept = float(np.exp(-dt / _FADE))
    return kept, _FADE * (1 - kept)


def predict(motion: Motion, dt: float, size: Floats) -> tuple[Floats, Motion]:
    """How far each body moves in `dt` s, (N, 2) px, and what is known afterwards."""
    kept, reach = fade(dt)
    pp, pv, vv = motion.cov.T
    q = (WANDER * size) ** 2
    cov = np.stack(
        [
            pp + 2 * reach * pv + reach**2 * vv + q * dt**3 / 3,
            kept * (pv + reach * vv) + q * dt**2 / 2,
            kept**2 * vv + q * dt,
        ],
        axis=1,
    )
    return motion.velocity * reach, Motion(motion.velocity * kept, cov)


def correct(motion: Motion, away: Floats, noise: Floats) -> tuple[Floats, Motion]:
    """Update with bodies measured `away` (N, 2) px from the prediction.

    Args:
        motion: as predicted for the time of the measurement.
        away: measured minus predicted place.
        noise: (N,) variance of the measurement, px².

    Returns:
        how far each body should be moved from its prediction, (N, 2) px, and the new motion.
    """
    pp, pv, vv = motion.cov.T
    gain_p, gain_v = pp / (pp + noise), pv / (pp + noise)
    cov = np.stack([(1 - gain_p) * pp, (1 - gain_p) * pv, vv - gain_v * pv], axis=1)
    return gain_p[:, None] * away, Motion(motion.velocity + gain_v[:, None] * away, cov)
