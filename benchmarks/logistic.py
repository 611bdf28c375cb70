"""Logistic regression by Newton's method, for fitting small calibrations with numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit_logistic(
    x: Floats, y: Floats, sample: Floats, *, ridge: float, steps: int = 25
) -> tuple[Floats, float]:
    """Return weights and bias that minimise the weighted log loss plus ``ridge`` / 2 * |weights|^2.

    ``x`` has one row an example, standardised; ``y`` is 0 or 1; ``sample`` weights sum to any positive number.
    Iteratively reweighted least squares (McCullagh and Nelder, "Generalized Linear Models", 1989).
    """
    design = np.column_stack([x, np.ones(len(x))])
    sample = sample / sample.sum() * len(x)
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    theta = np.zeros(design.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -30, 30)))
        gradient = design.T @ (sample * (p - y)) + penalty * theta
        curvature = (design * (sample * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        theta -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return theta[:-1], float(theta[-1])
