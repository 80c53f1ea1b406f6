"""The drop-in for mftma: dimension of all data, and the utilities around models."""

import sys
import types

import numpy as np
import pytest
from neurogeom.compat.mftma import alldata_dimension_analysis as dimension
from neurogeom.compat.mftma.utils.activation_extractor import extractor
from neurogeom.compat.mftma.utils.analyze_pytorch import analyze
from neurogeom.compat.mftma.utils.make_manifold_data import make_manifold_data


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((200, 10, 8), (6.864468370358716, 6, 200)), ((12, 30, 5), (4.06407242622978, 4, 12))],
)
def test_dimension_has_the_values_of_the_original(shape, expected):
    N, M, P = shape
    rs = np.random.RandomState(13)
    X = [rs.randn(N, 1) + np.diag(1 / np.arange(1, N + 1)) @ rs.randn(N, M) for _ in range(P)]
    ratio, count, features = dimension.alldata_dimension_analysis(X)
    assert (count, features) == expected[1:]
    assert ratio == pytest.approx(expected[0], rel=1e-10)
    points = np.concatenate(X, axis=1)
    S, D, U = dimension.compute_participation_ratio(points)
    assert pytest.approx(ratio) == D
    centered = points - points.mean(axis=1, keepdims=True)
    rest = centered - U @ (U.T @ centered)
    assert np.linalg.norm(rest) ** 2 == pytest.approx((centered**2).sum() - (S**2).sum(), abs=1e-9)
    assert dimension.compute_dim_expvar(centered, 0.9) == count
    # As scikit-learn's PCA().fit(X) does it: rows are samples.
    shares = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    count = np.sum(np.cumsum(shares / shares.sum()) <= 0.7)
    assert dimension.compute_dim_expvar(points, 0.7) == count


def labelled(n=60, classes=5):
    return [(np.array([float(i), i % classes]), i % classes) for i in range(n)]


def test_make_manifold_data_draws_as_the_original():
    data = make_manifold_data(labelled(), 3, 4, max_class=5)
    np.random.seed(0)
    kept = np.random.choice(list(range(5)), size=3, replace=False)
    order = list(range(60))
    np.random.shuffle(order)
    met = [label for label in dict.fromkeys(i % 5 for i in order) if label in kept]
    expected = [np.array([[i, label] for i in order if i % 5 == label][:4]) for label in met]
    for batch, examples in zip(data, expected, strict=True):
        np.testing.assert_array_equal(batch, examples)
    other = make_manifold_data(labelled(), 3, 4, max_class=5, seed=1)
    assert any(not np.array_equal(a, b) for a, b in zip(data, other, strict=True))


def test_make_manifold_data_stacks_with_the_library_of_the_items(monkeypatch):
    library = types.ModuleType("tensors")

    class Tensor:
        def __init__(self, value):
            self.value = value

    Tensor.__module__ = "tensors.inner"
    library.stack = lambda items: ("stacked", [item.value for item in items])
    monkeypatch.setitem(sys.modules, "tensors", library)
    data = make_manifold_data([(Tensor(i), np.int64(i % 2)) for i in range(8)], 2, 3)
    assert [kind for kind, _ in data] == ["stacked", "stacked"]
    assert all(len({v % 2 for v in values}) == 1 for _, values in data)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((6, 2, 5), "max_class"), ((5, 13), "60 examples"), ((7, 2), "4 of 7 . 2 are missing")],
)
def test_make_manifold_data_refuses(arguments, text):
    dataset = [item for item in labelled(70) if item[0][0] < 60]
    with pytest.raises(ValueError, match=text):
        make_manifold_data(dataset, *arguments)


class Tensor:
    """As much of a torch tensor as the extractor uses."""

    def __init__(self, value):
        self.value = np.asarray(value)

    data = property(lambda self: self)

    def cpu(self):
        return self

    def numpy(self):
        return self.value


class Layer:
    """As much of a torch module as the extractor uses."""

    def __init__(self, function=None, children=()):
        self.function, self.inner, self.hooks = function, list(children), []

    def _get_name(self):
        return "Sequential" if self.inner else self.function.__name__

    def children(self):
        return iter(self.inner)

    def register_forward_hook(self, hook):
        self.hooks.append(hook)
        return types.SimpleNamespace(remove=lambda: self.hooks.remove(hook))

    def __call__(self, x):
        if self.inner:
            for child in self.inner:
                x = child(x)
        else:
            x = Tensor(self.function(x.value))
        for hook in self.hooks:
            hook(self, (x,), x)
        return x


def small_model():
    weights = np.random.RandomState(0).randn(6, 6)

    def Linear(x):
        return x.reshape(len(x), -1) @ weights

    def ReLU(x):
        return np.maximum(x, 0)

    return Layer(children=[Layer(Linear), Layer(children=[Layer(ReLU), Layer(Linear)])])


def test_extractor():
    batches = [Tensor(np.random.RandomState(i).randn(4, 2, 3)) for i in range(2)]
    model = small_model()
    found = extractor(model, batches)
    assert list(found) == ["layer_0_Input", "layer_1_Linear", "layer_2_ReLU", "layer_3_Linear"]
    assert all(len(outputs) == 2 for outputs in found.values())
    np.testing.assert_array_equal(found["layer_2_ReLU"][1], np.maximum(found["layer_1_Linear"][1], 0))
    assert list(extractor(model, batches, layer_nums=[3])) == ["layer_0_Input", "layer_3_Linear"]
    assert list(extractor(model, batches, layer_types=["ReLU"])) == [
        "layer_0_Input",
        "layer_2_ReLU",
    ]
    assert not model.inner[0].hooks
    with pytest.raises(ValueError, match="not both"):
        extractor(model, batches, [1], ["ReLU"])


def test_extractor_keeps_what_a_layer_in_place_overwrites():
    def Linear(x):
        return x @ np.diag([1.0, -1.0])

    def ReLU(x):
        return np.maximum(x, 0, out=x)

    batch = Tensor(np.array([[1.0, 2.0], [-3.0, 4.0]]))
    found = extractor(Layer(children=[Layer(Linear), Layer(ReLU), Layer(ReLU)]), [batch])
    np.testing.assert_array_equal(found["layer_1_Linear"][0], [[1, -2], [-3, -4]])
    np.testing.assert_array_equal(found["layer_2_ReLU"][0], [[1, 0], [0, 0]])
    extractor(Layer(children=[Layer(ReLU)]), [batch])["layer_0_Input"][0][0] = 7  # a copy, too
    np.testing.assert_array_equal(batch.value, [[1, 2], [0, 4]])


def test_analyze(monkeypatch, capsys):
    library = types.ModuleType("tensors")
    library.stack = lambda items: Tensor(np.stack([item.value for item in items]))
    monkeypatch.setitem(sys.modules, "tensors", library)
    monkeypatch.setattr(Tensor, "__module__", "tensors")
    rs = np.random.RandomState(0)
    dataset = [(Tensor(rs.randn(2, 3) + 2 * (i % 8)), i % 8) for i in range(80)]
    settings = {"n_t": 20, "projection_dimension": 5}
    found = analyze(small_model(), dataset, 6, 5, max_class=8, **settings)
    assert list(found) == ["layer_0_Input", "layer_1_Linear", "layer_2_ReLU", "layer_3_Linear"]
    assert capsys.readouterr().out.startswith("Analyzing layer_0_Input\n")
    for layer in found.values():
        assert layer["feature dimension"] == 5
        assert layer["capacity"].shape == layer["radius"].shape == layer["dimension"].shape == (6,)
    picked = analyze(small_model(), dataset, 6, 5, layer_types=["ReLU"], verbose=False, **settings)
    assert list(picked) == ["layer_2_ReLU"]
