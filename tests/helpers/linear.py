"""Linear measures by their textbook definitions."""

from __future__ import annotations

import numpy as np
import scipy.linalg

# With default options, as `metric="..."` takes them.
SIMILARITIES = ("nbs", "mean_cca", "svcca", "pwcca", "r2", "ridge", "eigenspace_overlap")
DISTANCES = ("bures", "gulp", "grassmann", "chordal", "projection")


def centered(data):
    return data - data.mean(axis=0)


def rotation(rng, size):
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def spanning(data):
    """An orthonormal basis of the column space."""
    return scipy.linalg.orth(data)


def principal_angles(u, v):
    """Angles between the spans of orthonormal columns, largest first, each with all its digits.

    SciPy's subspace_angles chooses between arcsin and arccos by the cosine of another angle.
    """
    if u.shape[1] < v.shape[1]:
        u, v = v, u
    cosines, sines = scipy.linalg.svdvals(u.T @ v)[::-1], scipy.linalg.svdvals(v - u @ (u.T @ v))
    return np.arctan2(sines[: len(cosines)], cosines)


def whitened_correlations(x, y):
    """Canonical correlations from whitened covariances, for full column ranks."""
    x, y = centered(x), centered(y)
    white = [scipy.linalg.inv(scipy.linalg.sqrtm(side.T @ side).real) for side in (x, y)]
    return scipy.linalg.svdvals(white[0] @ x.T @ y @ white[1])


def gulp_from_inverses(x, y, penalty):
    """The definition by covariances and their regularised inverses."""
    x, y = centered(x), centered(y)
    m = len(x)
    x, y = (side * np.sqrt(m) / np.linalg.norm(side) for side in (x, y))
    sx, sy, sxy = x.T @ x / m, y.T @ y / m, x.T @ y / m
    lx, ly = (np.linalg.inv(s + penalty * np.eye(len(s))) for s in (sx, sy))
    squared = np.trace(lx @ sx @ lx @ sx) + np.trace(ly @ sy @ ly @ sy) - 2 * np.trace(lx @ sxy @ ly @ sxy.T)
    return np.sqrt(max(squared, 0))


def r2_from_lstsq(x, y):
    """Regression with an intercept, by least squares."""
    design = np.column_stack([np.ones(len(x)), x])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - np.square(y - fitted).sum() / np.square(centered(y)).sum()


def ridge_predictions(x, y, penalty, folds):
    """Fold after fold by the normal equations, or minimal norm at penalty 0."""
    predicted = np.empty_like(y)
    for test in np.array_split(np.arange(len(x)), folds):
        train = np.setdiff1d(np.arange(len(x)), test)
        x_mean, y_mean = x[train].mean(axis=0), y[train].mean(axis=0)
        inputs, outputs = x[train] - x_mean, y[train] - y_mean
        if penalty:
            gram = inputs.T @ inputs + penalty * np.eye(x.shape[1])
            weights = np.linalg.solve(gram, inputs.T @ outputs)
        else:
            weights = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
        predicted[test] = (x[test] - x_mean) @ weights + y_mean
    return predicted


def ridge_r2(x, y, penalty=1.0, folds=5):
    predicted = ridge_predictions(x, y, penalty, folds)
    return 1 - np.square(y - predicted).sum() / np.square(centered(y)).sum()


def ridge_pearson(x, y, penalty=1.0, folds=5):
    predicted = ridge_predictions(x, y, penalty, folds)
    return np.mean([np.corrcoef(predicted[:, j], y[:, j])[0, 1] for j in range(y.shape[1])])


def leading(data, count):
    """Coordinates of the first principal components."""
    u, s, _ = np.linalg.svd(centered(data), full_matrices=False)
    return u[:, :count] * s[:count]


def pwcca_by_definition(x, y):
    """Weights from the projections of X's units on its canonical variates, variates by whitening."""
    x, y = centered(x), centered(y)
    basis_x, basis_y = spanning(x), spanning(y)
    left, rho, _ = np.linalg.svd(basis_x.T @ basis_y, full_matrices=False)
    variates = basis_x @ left
    weights = [sum(abs(variate @ unit) for unit in x.T) for variate in variates.T]
    return np.dot(weights, rho) / np.sum(weights)
