"""Synthetic manifolds and an oracle for their joint geometry, for several test files.

The oracle forms anchors from SciPy's non-negative least squares, one sample at a time, and the geometry from
them by NumPy's pseudo-inverse.
"""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest

from helpers import cones

INACTIVE = ("zero", "exclude", "maxproj", "drop")
SUFFIXES = ("", "_abs", "_raw")
KINDS = ("center", "axis", "center_axis")
RATIOS = (
    "effective_dimension",
    "effective_radius",
    "effective_radius_mean_ratio",
    "utility",
    "approximate_capacity",
)
ALIGNMENTS = tuple(f"{kind}_alignment{suffix}" for suffix in SUFFIXES for kind in (*KINDS, "own_center_axis"))


def balls(rng, n_manifolds, n_points, n_features, radius=0.5, shared=0.0):
    centers = rng.normal(size=(n_manifolds, 1, n_features)) + shared * rng.normal(size=n_features)
    around = rng.normal(size=(n_manifolds, n_points, n_features))
    return centers + radius * around


def given(clouds, n_samples, seed=0, kind="iid"):
    """Draws and labels of our own."""
    rng = np.random.default_rng(seed)
    n_manifolds, width = len(clouds), np.shape(clouds[0])[1]
    signs = rng.choice([-1, 1], (n_samples, n_manifolds))
    if kind == "one_vs_rest":
        signs = np.where(rng.permuted(np.tile(np.arange(n_manifolds), (n_samples, 1)), axis=1) == 0, 1, -1)
    return {
        "gaussians": rng.normal(size=(n_samples, width)),
        "dichotomies": signs,
        "n_samples": n_samples,
        "center": False,
    }


def geometry(clouds, quiet=False, **options):
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore", ng.ConvergenceWarning)
        result = ng.effective_geometry(clouds, **options)
    assert (result.status == 0).all()
    assert result.n_failed == 0
    assert result.kkt_residual <= 1e-10
    return result


def assert_same_geometry(first, second, rtol=1e-9, squared_only=False):
    names = ("squared_projections", "capacity", *(() if squared_only else RATIOS + ALIGNMENTS))
    for name in names:
        one, other = getattr(first, name), getattr(second, name)
        np.testing.assert_allclose(other, one, rtol=rtol, atol=1e-12, err_msg=name)


def oracle(clouds, draws, labels, inactive, corrected=True):
    """All estimates from NNLS anchors, straight from the definitions.

    `corrected`: alignments of centers by the jackknife, from the centers without each of the samples.
    """
    clouds = [np.asarray(cloud, dtype=float) for cloud in clouds]
    n, p = len(draws), len(clouds)
    starts = np.cumsum([0] + [len(cloud) for cloud in clouds])
    anchors, active = np.full((n, p, draws.shape[1]), np.nan), np.zeros((n, p), dtype=bool)
    squared = np.empty(n)
    for k in range(n):
        signed = np.concatenate([y * cloud for y, cloud in zip(labels[k], clouds, strict=True)])
        weights, _ = cones.nnls(signed.T, draws[k])
        q = weights @ signed
        squared[k] = q @ q
        for m, cloud in enumerate(clouds):
            own = weights[starts[m] : starts[m + 1]]
            active[k, m] = own.sum() > 0
            if active[k, m]:
                anchors[k, m] = own @ cloud / own.sum()
            elif inactive == "zero":
                anchors[k, m] = 0
            elif inactive == "maxproj":
                anchors[k, m] = cloud[np.argmax(labels[k, m] * (cloud @ (draws[k] - q)))]
    centers = np.nanmean(anchors, axis=0)
    known = ~np.isnan(anchors[:, :, 0])
    axes = np.where(known[:, :, None], anchors - centers, 0)
    a, b, c = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        rows = known[k] if inactive == "drop" else slice(None)  # of S, S0 and S1
        if inactive == "drop" and not known[k].any():
            a[k] = b[k] = c[k] = 0
            continue
        total = np.where(known[k][:, None], anchors[k], centers)[rows]
        s0, s1 = centers[rows], axes[k][rows]
        whole, u = total @ draws[k], s1 @ draws[k]
        a[k] = whole @ pseudo_inverse(total @ total.T) @ whole
        b[k] = u @ pseudo_inverse(s1 @ s1.T) @ u
        c[k] = u @ pseudo_inverse(s0 @ s0.T + s1 @ s1.T) @ u
    out = {"a": a, "b": b, "c": c, "squared": squared, "active_fraction": active.mean(axis=0)}
    ratio = c.mean() / (b - c).mean()
    out["capacity"] = p / squared.mean()
    out["effective_dimension"] = b.mean() / p
    out["effective_radius"] = np.sqrt(ratio)
    out["effective_radius_mean_ratio"] = np.sqrt(max((c / (b - c)).mean(), 0))  # of either sign where c = b
    out["utility"] = c.mean() / squared.mean()
    out["approximate_capacity"] = (1 + 1 / ratio) * p / b.mean()
    # A matrix is the mean over samples in which both members exist (drop: over all, 0 in the others), and the
    # estimate its mean. An axis that is nothing but rounding has no direction.
    short = np.linalg.norm(axes, axis=2) <= 1e-12 * np.linalg.norm(centers, axis=1)
    axes = np.where((known & ~short)[:, :, None], axes, np.nan)
    off = ~np.eye(p, dtype=bool)
    drop = inactive == "drop"
    both = known[:, :, None] & known[:, None]

    def forms(first, second):
        products = np.einsum("kmi,kni->kmn", first, second)
        sizes = np.linalg.norm(first, axis=2)[:, :, None] * np.linalg.norm(second, axis=2)[:, None]
        return products / sizes, np.abs(products / sizes), np.abs(products)

    def signed(values, form):
        return np.sign(values[0]) * np.abs(values[form])

    def centers_without(k):
        return np.nanmean(np.delete(anchors, k, axis=0), axis=0) if n > 1 else centers

    plain = forms(centers[None], centers[None])
    without = forms(*2 * [np.array([centers_without(k) for k in range(n)])])
    shares = (both.sum(axis=0) - both) / (n - 1) if drop else 1.0
    cross = forms(np.broadcast_to(centers, axes.shape), axes)
    for form, suffix in enumerate(SUFFIXES):
        center = plain[form][0] * (both.mean(axis=0) if drop else 1.0)
        if corrected:  # the signed values
            center = n * signed(plain, form)[0] * (both.mean(axis=0) if drop else 1.0)
            center -= (n - 1) * (signed(without, form) * shares).mean(axis=0)
            center = np.clip(center, -1, 1) if suffix != "_raw" else center
            center = np.abs(center) if suffix else center
        values = {"axis": forms(axes, axes)[form], "center_axis": cross[form]}
        matrices = {"center": center}
        for kind, each in values.items():
            if drop:
                matrices[kind] = np.where(both & ~np.isnan(each), each, 0).mean(axis=0)
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing
                matrices[kind] = np.nanmean(each, axis=0)
        for kind, matrix in matrices.items():
            out[f"{kind}_alignment{suffix}_matrix"] = (
                matrix if kind == "center_axis" else np.where(off, matrix, np.nan)
            )
            out[f"{kind}_alignment{suffix}"] = np.nanmean(matrix[off])
        out[f"own_center_axis_alignment{suffix}"] = np.nanmean(np.diagonal(matrices["center_axis"]))
    return out


def pseudo_inverse(matrix):
    return np.linalg.pinv(matrix, rcond=1e-10, hermitian=True)


def check_by_nnls(clouds, options, rtol=1e-10):
    result = geometry(clouds, quiet=True, **options)
    squared, trusted = [], []
    for t, y in zip(options["gaussians"], options["dichotomies"], strict=True):
        signed = np.concatenate([sign * np.asarray(cloud) for sign, cloud in zip(y, clouds, strict=True)])
        q = cones.nnls_projection(signed, t[None])[0]
        squared.append(q @ q)
        trusted.append(cones.kkt_residual(signed, t[None], q[None])[0] < 1e-11)  # NNLS fails too, at times
    assert np.mean(trusted) > 0.9
    squared = np.where(trusted, squared, result.squared_projections)
    np.testing.assert_allclose(result.squared_projections, squared, rtol=rtol, atol=1e-10)
    assert len(clouds) / result.capacity == pytest.approx(np.mean(squared), rel=rtol)
    return result
