"""Stands in for ``mftma.utils.analyze_pytorch``."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import numpy as np

from ...._base.checks import AnyArray, FloatArray
from ..manifold_analysis_correlation import manifold_analysis_corr
from .activation_extractor import extractor
from .make_manifold_data import make_manifold_data

_BLOCK_BYTES = 1 << 26  # the random projection is drawn in blocks of rows of this size


def analyze(
    model: Any,
    dataset: Any,
    sampled_classes: int = 50,
    examples_per_class: int = 50,
    kappa: float = 0,
    n_t: int = 300,
    n_reps: int = 1,
    max_class: int | None = None,
    projection: bool = True,
    projection_dimension: int = 5000,
    layer_nums: Collection[int] | None = None,
    layer_types: Collection[str] | None = None,
    verbose: bool = True,
    cuda: bool = True,
    seed: int = 0,
) -> OrderedDict[str, dict[str, Any]]:
    """Analyse the layers of a torch model on the classes of a data set.

    Same as the original: arguments, the steps, the draws of the random projections (of layers with
    more than `projection_dimension` features) and the keys of the result. Different: `max_class`
    and `seed` affect the classes drawn, and no projection matrix is held in full.
    The model is run as it is: call ``model.eval()`` first.

    Returns
    -------
    OrderedDict
        For each layer a dict with ``capacity``, ``radius``, ``dimension`` (one value per class),
        ``correlation``, ``K`` and ``feature dimension``.
    """
    batches = make_manifold_data(dataset, sampled_classes, examples_per_class, max_class, seed)
    torch = sys.modules.get("torch")  # whoever has a torch model has imported it
    if torch is not None and hasattr(model, "to"):
        device = "cuda" if cuda and torch.cuda.is_available() else "cpu"
        model = model.to(device)
        batches = [batch.to(device) for batch in batches]
    activations = extractor(model, batches, layer_nums=layer_nums, layer_types=layer_types)
    np.random.seed(seed)
    # All projections come before the first analysis: this is the order of the draws.
    clouds = OrderedDict(
        (layer, _flatten(outputs, projection_dimension if projection else None))
        for layer, outputs in activations.items()
    )
    results: OrderedDict[str, dict[str, Any]] = OrderedDict()
    for layer, X in clouds.items():
        number, kind = layer.split("_")[1], layer.split("_")[-1]
        if layer_nums is not None and int(number) not in layer_nums:
            continue
        if layer_nums is None and layer_types is not None and kind not in layer_types:
            continue
        if verbose:
            print(f"Analyzing {layer}")
        a, R, D, correlation, K = manifold_analysis_corr(X, kappa, n_t, n_reps=n_reps)
        results[layer] = {
            "capacity": a,
            "radius": R,
            "dimension": D,
            "correlation": correlation,
            "K": K,
            "feature dimension": len(X[0]),
        }
    return results


def _flatten(outputs: list[AnyArray], max_features: int | None) -> list[AnyArray]:
    """Return (features x points) arrays, randomly projected if they have too many features."""
    flat = [output.reshape(len(output), -1).T for output in outputs]
    n_features = len(flat[0])
    if max_features is None or n_features <= max_features:
        return flat
    projected: list[FloatArray] = [np.empty((max_features, cloud.shape[1])) for cloud in flat]
    step = max(1, _BLOCK_BYTES // (8 * n_features))
    for start in range(0, max_features, step):
        rows = np.random.randn(min(step, max_features - start), n_features)
        rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
        for cloud, result in zip(flat, projected, strict=True):
            result[start : start + step] = rows @ cloud
    return list(projected)
