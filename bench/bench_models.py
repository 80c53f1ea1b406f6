"""Models against subjects with errors over both, beside rsatoolbox's two-factor bootstrap."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

N_DRAWS = 20


def rdms(n_rdms, seed):
    """Squared distances of 92 stimuli that share a signal."""
    rng = np.random.default_rng(seed)
    signal = np.random.default_rng(0).standard_normal((92, 10))
    found = [signal + rng.standard_normal((92, 10)) for _ in range(n_rdms)]
    return [((x[:, None] - x[None]) ** 2).sum(-1)[np.triu_indices(92, 1)] for x in found]


@pytest.mark.parametrize("compare", ["spearman", "cosine_cov"])
def test_models(benchmark, compare):
    models, subjects = ([ng.RDM(x) for x in rdms(n, n)] for n in (7, 4))
    metric = ng.RSA(compare=compare)
    call = {"resample": "both", "n_bootstrap": N_DRAWS, "n_threads": 1}
    result = benchmark.pedantic(ng.compare_models, (models, subjects, metric), call, rounds=3)
    assert np.isfinite(result.se).all()


@pytest.mark.parametrize("compare", ["spearman", "cosine_cov"])
def test_rsatoolbox(benchmark, compare):
    toolbox = pytest.importorskip("rsatoolbox")
    models = [toolbox.model.ModelFixed(str(k), x) for k, x in enumerate(rdms(7, 7))]
    subjects = toolbox.rdm.RDMs(np.array(rdms(4, 4)))
    call = {"method": compare, "N": N_DRAWS, "use_correction": False}
    benchmark.pedantic(toolbox.inference.eval_dual_bootstrap, (models, subjects), call, rounds=1)
