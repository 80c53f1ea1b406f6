"""The data that come with the package: what they hold, and what they must not need."""

from __future__ import annotations

import dataclasses
import pickle
from importlib import resources

import numpy as np
import pytest
from neurogeom.datasets import load_haxby, load_minilm_clinc


def test_sentences_are_complete_and_usable():
    data = load_minilm_clinc()
    assert list(data.layers) == ["layer0", "layer2", "layer4", "layer6"]
    for layer in data.layers.values():
        assert layer.shape == (500, 384)
        assert layer.dtype == np.float16
        assert np.isfinite(layer).all()
    assert np.array_equal(np.bincount(data.labels), np.full(20, 25))
    assert len(data.classes) == len(set(data.classes)) == 20
    assert len(set(data.text)) == 500
    assert "2019" in data.description


def test_sentences_carry_their_intents():
    # Nearest class mean, a sentence left out of its own: far above the chance level of 0.05.
    data = load_minilm_clinc()
    X = data.layers["layer6"].astype(float)
    sums = np.stack([X[data.labels == k].sum(axis=0) for k in range(20)])
    correct = 0
    for x, label in zip(X, data.labels, strict=True):
        means = sums / 25
        means[label] = (sums[label] - x) / 24
        correct += int(np.argmin(((means - x) ** 2).sum(axis=1)) == label)
    assert correct / len(X) > 0.85


def test_brain_patterns_are_complete_and_usable():
    data = load_haxby()
    assert data.patterns.shape == (8, 8, 9, 530)
    assert data.patterns.dtype == np.float16
    assert np.isfinite(data.patterns).all()
    assert len(set(data.classes)) == 8
    assert "2001" in data.description


def test_brain_rows_agree_with_the_patterns():
    data = load_haxby()
    assert data.X.shape == (576, 530)
    assert np.shares_memory(data.X, data.patterns)
    rows = zip(data.X, data.labels, data.runs, strict=True)
    volume = {}
    for x, label, run in rows:
        k = volume[label, run] = volume.get((label, run), -1) + 1
        assert np.array_equal(x, data.patterns[label, run - 1, k])
    assert set(data.runs) == set(range(1, 9))


@pytest.mark.parametrize("load", [load_minilm_clinc, load_haxby])
def test_records_are_frozen_and_short_to_print(load):
    data = load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.labels = None
    assert len(repr(data)) < 80
    assert np.array_equal(pickle.loads(pickle.dumps(data)).labels, data.labels)


def test_files_are_small_and_credited():
    folder = resources.files("neurogeom.datasets") / "data"
    notice = (folder / "NOTICE.md").read_text(encoding="utf-8")
    sizes = []
    for name in ("minilm_clinc.npz", "haxby_slice.npz"):
        sizes.append(len((folder / name).read_bytes()))
        assert name in notice
    assert sum(sizes) < 2.1e6
    for licence in ("CC BY 3.0", "CC BY-SA 3.0", "Apache License 2.0"):
        assert licence in notice
