"""What tests of the Lévy prior share: every law once, and the posterior of two increments by quadrature."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from posterity.priors.levy import BernoulliLaplace, Gauss, Laplace, Student

LAWS = {
    "gauss": Gauss(0.25),
    "laplace": Laplace(1.0),
    "student-1": Student(1),
    "student-2": Student(2),
    "student-3": Student(3),
    "bernoulli-laplace": BernoulliLaplace(0.3, 1.0),
}


@dataclass
class Quadrature:
    """p(x1, x2 | y) as masses on a lattice fine enough for errors of 1e-4: kinks and atoms lie on its points."""

    mean: np.ndarray
    covariance: np.ndarray
    zero: np.ndarray


def _masses(law, points, step):
    """Of an increment on the lattice, and the part of it that is an atom."""
    at_zero = np.isclose(points, 0)
    atom = (1 - law.p) * at_zero if isinstance(law, BernoulliLaplace) else np.zeros_like(points)
    if isinstance(law, Gauss):
        density = np.exp(-(points**2) / (2 * law.variance)) / np.sqrt(2 * np.pi * law.variance)
    elif isinstance(law, Student):
        size = math.gamma((law.nu + 1) / 2) / math.gamma(law.nu / 2) / math.sqrt(law.nu * math.pi) / law.scale
        density = size * (1 + (points / law.scale) ** 2 / law.nu) ** (-(law.nu + 1) / 2)
    else:
        density = getattr(law, "p", 1.0) * np.exp(-np.abs(points) / law.b) / (2 * law.b)
    return density * step + atom, atom


def _quadrature(law, matrix, y, sigma, reach=8.0, count=500):
    step = reach / count
    points = step * np.arange(-count, count + 1)
    x1, x2 = np.meshgrid(points, points, indexing="ij")
    residual = sum((y[i] - matrix[i][0] * x1 - matrix[i][1] * x2) ** 2 for i in range(len(y)))
    likelihood = np.exp(-residual / (2 * sigma**2))
    (first, first_atom), (second, second_atom) = _masses(law, x1, step), _masses(law, x2 - x1, step)
    weight = first * second * likelihood
    total = weight.sum()
    x = np.stack([x1.ravel(), x2.ravel()])
    mean = x @ weight.ravel() / total
    centred = x - mean[:, None]
    zero = np.array([(first_atom * second * likelihood).sum(), (first * second_atom * likelihood).sum()])
    return Quadrature(mean, (centred * weight.ravel()) @ centred.T / total, zero / total)


@pytest.fixture(params=LAWS.values(), ids=LAWS.keys())
def law(request):
    return request.param


@pytest.fixture(scope="session")
def quadrature():
    """(law, matrix (m, 2), y, sigma) → Quadrature."""
    return _quadrature
