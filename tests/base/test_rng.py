"""What users pass as rng: twins of generators."""

from __future__ import annotations

import numpy as np
import pytest
from neurogeom._base.rng import twin


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.Philox, np.random.MT19937])
def test_a_twin_draws_and_spawns_the_same(bits):
    generator = np.random.Generator(bits(7))
    generator.random(3)
    generator.spawn(2)
    first, second = twin(generator), twin(generator)
    first.random(5)
    first.spawn(1)
    expected = generator.random(), generator.spawn(1)[0].random()
    assert (second.random(), second.spawn(1)[0].random()) == expected
