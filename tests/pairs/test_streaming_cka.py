"""CKA: vectors that metrics share, options and kernels that are refused, and streaming over stimuli."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import hsic
from helpers.hsic import ESTIMATORS
from helpers.references import VALUES, reference_data
from hypothesis import given, settings
from hypothesis import strategies as st

X, Y, W = reference_data("XYW")


def blocks_of(items, sizes):
    """Consecutive blocks of these numbers of stimuli."""
    ends = np.cumsum(sizes)
    assert ends[-1] == len(items[0])
    return [[item[end - size : end] for item in items] for size, end in zip(sizes, ends, strict=True)]


def stream(items, sizes, estimator):
    """Streamed over blocks."""
    found = ng.StreamingCKA(estimator)
    for block in blocks_of(items, sizes):
        found.update(block)
    return found.finish()


def test_several_metrics_share_their_vectors():
    calls = []

    def kernel(data):
        assert not data.flags.writeable
        calls.append(len(data))
        return data @ data.T

    result = ng.pairwise([X, Y, W], [ng.CKA(kernel), ng.CKA(kernel, score="angular"), "cka"])
    assert list(result) == ["cka(kernel)", "cka(kernel, angular)", "cka"]
    assert len(calls) == 3
    np.testing.assert_allclose(result["cka(kernel)"].square, result["cka"].square, rtol=1e-13)


def test_names_tell_options_apart():
    names = [
        ng.CKA(kernel, score=score, **options, **width).name
        for kernel, width in (("linear", {}), ("rbf", {}), ("rbf", {"bandwidth": 0.4}), (hsic.gram, {}))
        for score in ("similarity", "angular")
        for options in ESTIMATORS.values()
    ]
    names += [ng.CKA(estimator="biased", center=False).name]
    assert len(set(names)) == len(names)
    assert ng.CKA().name == "cka"
    assert ng.CKA("rbf", "minibatch", batch_size=8, bandwidth=0.5).name == "cka(rbf 0.5, minibatch 8)"


# ---- input


def test_a_kernel_may_return_the_same_array_twice():
    fixed = hsic.gram(X)
    kept = fixed.copy()
    assert ng.cka(X, Y, kernel=lambda data: fixed) == pytest.approx(1, abs=1e-14)
    np.testing.assert_array_equal(fixed, kept)


@pytest.mark.parametrize("kernel", [hsic.rbf, hsic.gram])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_constant_items_are_errors_with_kernels_of_ones_own(kernel, estimator):
    metric = ng.CKA(kernel, **ESTIMATORS[estimator])
    for value in (0.0, 0.1, 1e8 / 3):
        with pytest.raises(ValueError, match="Y"):
            metric.similarity(X, np.full((40, 7), value))
        with pytest.raises(ValueError, match=r"representations\[1\]"):
            ng.pairwise([X, np.full((40, 7), value)], metric)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("estimator", ["debiased", "minibatch"])
def test_orthogonal_stimuli_have_no_debiased_cka(kernel, estimator):
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    metric = ng.CKA(kernel, **ESTIMATORS[estimator])
    for identity in (np.eye(40), rotation, 2.0**20 + np.eye(40)):
        with pytest.raises(ValueError, match="the centred Gram matrix of Y is zero"):
            metric.similarity(X, identity)
    if kernel == "linear":
        with pytest.raises(ValueError, match="the centred Gram matrix of Y is zero"):
            metric.similarity(X, np.diag(np.arange(40.0)) @ rotation)
    assert ng.CKA(kernel, "biased").similarity(X, np.eye(40)) > 0


def test_batches_without_structure_count_as_zero():
    x = X.copy()
    x[:6] = 3.0
    k, h = hsic.gram(x), hsic.gram(Y)
    options = ESTIMATORS["minibatch"]
    assert ng.cka(x, Y, **options) == pytest.approx(hsic.cka(k, h, **options), rel=1e-12)


def test_too_few_stimuli():
    assert ng.cka(X[:2], Y[:2], estimator="biased") == pytest.approx(1)
    for options in (ESTIMATORS["debiased"], ESTIMATORS["lange"], {"estimator": "minibatch", "batch_size": 4}):
        with pytest.raises(ValueError, match=r"needs at least 4 stimuli, but X has 3"):
            ng.cka(X[:3], Y[:3], **options)
        assert np.isfinite(ng.cka(X[:4], Y[:4], **options))
    with pytest.raises(ValueError, match="one stimulus"):
        ng.cka(X[:1], Y[:1])


def test_stimuli_of_which_half_are_equal_have_no_median_distance():
    with pytest.raises(ValueError, match="median distance"):
        ng.cka(np.repeat(X[:2], 20, axis=0)[np.r_[:20, :20]], Y, kernel="rbf")


def test_bad_options():
    with pytest.raises(ValueError, match="kernel must be"):
        ng.CKA("gaussian")
    with pytest.raises(ValueError, match="estimator must be"):
        ng.CKA(estimator="unbiased")
    with pytest.raises(ValueError, match="score must be"):
        ng.CKA(score="angle")
    with pytest.raises(ValueError, match="bandwidth must be positive"):
        ng.CKA("rbf", bandwidth=0)
    with pytest.raises(ValueError, match="bandwidth is for kernel='rbf'"):
        ng.CKA(bandwidth=2)
    with pytest.raises(ValueError, match="needs batch_size"):
        ng.CKA(estimator="minibatch")
    with pytest.raises(ValueError, match="batch_size must be at least 4"):
        ng.CKA(estimator="minibatch", batch_size=3)
    with pytest.raises(TypeError, match="batch_size must be an integer"):
        ng.CKA(estimator="minibatch", batch_size=8.5)
    with pytest.raises(ValueError, match="batch_size is for"):
        ng.CKA(batch_size=8)
    with pytest.raises(ValueError, match="center=False"):
        ng.CKA(center=False)
    with pytest.raises(TypeError, match="center must be True or False"):
        ng.CKA(estimator="biased", center=0)
    with pytest.raises(ValueError, match=r"batch_size \(41\) is larger"):
        ng.cka(X, Y, estimator="minibatch", batch_size=41)


def test_bad_kernels():
    for kernel, text in (
        (lambda data: data, r"kernel's value for X must have shape \(40, 40\)"),
        (lambda data: np.full((40, 40), np.nan), "X.*is nan"),
        (lambda data: np.triu(data @ data.T), "not symmetric"),
        (lambda data: data @ data.T * 1e200, "rescale"),
    ):
        with pytest.raises(ValueError, match=text):
            ng.cka(X, Y, kernel=kernel)
    with pytest.raises(TypeError, match="real numbers"):
        ng.cka(X, Y, kernel=lambda data: (data @ data.T).astype(complex))


# ---- streaming


@given(st.integers(0, 2**32), st.sampled_from(["biased", "debiased"]), st.floats(0, 6), st.floats(-8, 8))
@settings(max_examples=60, deadline=None)
def test_streaming_equals_all_at_once(seed, estimator, distance, exponent):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, rng.integers(1, 8))
    sizes[0] += 4
    latent = rng.normal(size=(sizes.sum(), 3))
    items = [
        latent @ rng.normal(size=(3, n)) + rng.normal(size=(len(latent), n)) for n in rng.integers(1, 20, 4)
    ]
    items = [(item + 10.0**distance) * 10.0**exponent for item in items]
    found = stream(items, sizes, estimator)
    wanted = ng.pairwise(items, ng.CKA(estimator=estimator))
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-10, atol=1e-11)
    assert found.metric == wanted.metric
    assert found.n_stimuli == wanted.n_stimuli
    assert found.is_similarity
    assert (found.flags is None) == (wanted.flags is None)


@pytest.mark.parametrize("estimator", ["biased", "debiased"])
def test_streaming_reference_and_drift(estimator):
    key = {"biased": "cka_linear_biased(X,Y)", "debiased": "cka_linear_debiased_song(X,Y)"}[estimator]
    found = stream([X, Y], [1, 3, 20, 16], estimator)
    assert found.square[0, 1] == pytest.approx(VALUES[key], rel=1e-10)
    # The first block is far away from all others.
    x, y = X.copy(), Y.copy()
    x[:4] += 1e4
    wanted = ng.cka(x, Y, estimator=estimator)
    assert stream([x, Y], [4, 30, 6], estimator).square[0, 1] == pytest.approx(wanted, rel=1e-10)
    y[4:] -= 1e8
    wanted = ng.cka(x, y, estimator=estimator)
    assert stream([x, y], [4, 30, 6], estimator).square[0, 1] == pytest.approx(wanted, rel=1e-10)


def test_streaming_goes_on_after_finish_and_after_errors():
    found = ng.StreamingCKA()
    blocks = blocks_of([X, Y, W], [20, 20])
    found.update(blocks[0])
    names = ["a", "b", "c"]
    half = found.finish(names)
    assert half.names.tolist() == names
    np.testing.assert_allclose(half.square, ng.pairwise([X[:20], Y[:20], W[:20]], "cka").square, rtol=1e-12)
    bad = [x.copy() for x in blocks[1]]
    bad[2][0, 0] = np.nan
    for wrong, error, text in (
        (bad, ValueError, r"blocks\[2\]\[0, 0\]"),
        (blocks[1][:2], ValueError, "3 items of earlier blocks"),
        ([X[:5], Y[:5], W[:4]], ValueError, r"blocks\[2\] has 4"),
        ([X[:5], W[:5], W[:5]], ValueError, "9 units of earlier blocks"),
        ("abc", TypeError, "blocks must be a list"),
        ([X.astype(object), Y, W], TypeError, "dtype object"),
    ):
        with pytest.raises(error, match=text):
            found.update(wrong)
    found.update([x.astype(np.float64) for x in blocks[1]])
    np.testing.assert_allclose(found.finish().square, ng.pairwise([X, Y, W], "cka").square, rtol=1e-12)
    assert found.n_stimuli == 40


def test_streaming_bad_input():
    with pytest.raises(ValueError, match="estimator must be"):
        ng.StreamingCKA("lange")
    with pytest.raises(ValueError, match="at least 4 stimuli, but what was streamed has 0"):
        ng.StreamingCKA().finish()
    with pytest.raises(ValueError, match="at least 2"):
        ng.StreamingCKA().update([X])
    for estimator in ("biased", "debiased"):
        for constant in (np.full((40, 3), 0.1), np.full((40, 3), 1e8 / 3)):
            found = ng.StreamingCKA(estimator)
            for start in (0, 20):
                found.update([X[start : start + 20], constant[start : start + 20]])
            with pytest.raises(ValueError, match=r"item 1 \('1'\) is zero"):
                found.finish()
    found = ng.StreamingCKA()
    found.update([X, np.eye(40)])
    with pytest.raises(ValueError, match="item 1"):
        found.finish()
    found = ng.StreamingCKA()
    found.update([X, Y])
    with pytest.raises(ValueError, match="names"):
        found.finish(["one"])


def test_streaming_flags_negative_estimates():
    rng = np.random.default_rng(2)
    items = [rng.normal(size=(12, 30)) for _ in range(8)]
    found = stream(items, [5, 7], "debiased")
    np.testing.assert_array_equal(found.flags, ng.pairwise(items, "cka").flags)
    assert found.flags.any()
