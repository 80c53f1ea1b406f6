"""What people come with: strings of any kind, missing labels, pandas, xarray, tensors, float32 matrices."""

from __future__ import annotations

import datetime
import inspect
import pickle
import warnings

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from helpers.stores import quick_plan
from neurogeom._base import checks
from neurogeom.cli import main as cli

RNG = np.random.default_rng(20261127)
X, Y = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
WORDS = ["dog", "cat", "dog", "cät", "cat", "cät"]
IDS = list("abcdef")

KINDS = {
    "list": WORDS,
    "U": np.array(WORDS),
    "S": np.array([word.encode() for word in WORDS]),
    "object": np.array(WORDS, dtype=object),
    "bytes": np.array([word.encode() for word in WORDS], dtype=object),  # as h5py reads strings
    "list of bytes": [word.encode() for word in WORDS],
    "series": pd.Series(WORDS),
    "object series": pd.Series(WORDS, dtype=object),
    "string series": pd.Series(WORDS, dtype="string"),
    "categorical": pd.Categorical(WORDS),
    "category series": pd.Series(WORDS, dtype="category"),
    "index": pd.Index(WORDS),
    "column": pd.DataFrame({"kind": WORDS, "x": range(6)})["kind"],
    "dataarray": xr.DataArray(WORDS),
}
if hasattr(np.dtypes, "StringDType"):
    KINDS["T"] = np.array(WORDS, dtype=np.dtypes.StringDType())


@pytest.mark.parametrize("kind", KINDS)
def test_strings_of_any_kind(kind, tmp_path):
    labels = KINDS[kind]
    clouds = ng.manifolds(X, labels)
    assert clouds.names.dtype.kind == "U"
    assert clouds.names.tolist() == ["cat", "cät", "dog"]
    np.testing.assert_array_equal(clouds[2], X[[0, 2]])
    ng.alignment(clouds).save(tmp_path / "x.npz")
    assert ng.load(tmp_path / "x.npz").names.tolist() == ["cat", "cät", "dog"]
    # names of items, ids of stimuli, folds
    three = labels[1:4] if not isinstance(labels, pd.Series) else labels.iloc[1:4]
    names = ["cat", "dog", "cät"]
    found = ng.pairwise([X, X**2, X**3], "cka", names=three)
    found.save(tmp_path / "y.npz")
    assert ng.load(tmp_path / "y.npz").column_names.tolist() == found.names.tolist() == names
    representation = ng.Representation(X[:3], ids=three)
    assert (representation.ids.dtype.kind, representation.ids.tolist()) == ("U", names)
    (item,) = ng.io.open_items({b"x": X[:3]}, ids=three)
    assert (item.name, item.ids.tolist()) == ("x", names)
    twice = np.tile(np.asarray(three), 2)
    assert ng.rdm(X, "crossnobis", folds=[0, 0, 0, 1, 1, 1], stimuli=twice).ids.tolist() == names


def test_labels_in_bytes_on_the_command_line(tmp_path, capsys):
    names = np.array([b"cat", b"dog", b"owl"])
    np.savez(tmp_path / "x.npz", X=RNG.standard_normal((30, 8)), labels=np.repeat(names, 10))
    out = tmp_path / "out.csv"
    options = ["--labels", "labels", "--samples", "20", "--restarts", "1", "--per-manifold"]
    assert cli.main(["capacity", str(tmp_path / "x.npz"), *options, "--out", str(out)]) == 0
    for text in (capsys.readouterr().out, out.read_text()):
        assert "b'" not in text
    assert "owl" in out.read_text()


def test_strings_in_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    words = ["cat", "cät", "dog"]
    fixed = np.array([word.encode() for word in words])
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"], file["text"], file["fixed"] = X[:3], words, fixed
        assert ng.manifolds(file["X"], file["text"]).names.tolist() == words
        assert ng.Representation(X[:3], ids=file["text"][()]).ids.tolist() == words
        assert ng.Representation(X[:3], ids=file["fixed"]).ids.tolist() == words
    np.savez(
        tmp_path / "x.npz", X=X[:3], text=np.array(words), fixed=fixed, bad=np.array([b"a", b"\xff", b"c"])
    )
    for path in (tmp_path / "x.h5", tmp_path / "x.npz"):
        for key in ("text", "fixed"):
            (item,) = ng.io.open_items(path, keys=["X"], ids=key)
            assert (item.ids.dtype.kind, item.ids.tolist()) == ("U", words)
    with pytest.raises(ValueError, match=r"x\.npz: bad\)\[1\] is b'\\xff', which is not UTF-8"):
        ng.io.open_items(tmp_path / "x.npz", keys=["X"], ids="bad")


MISSING = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT]


@pytest.mark.parametrize("missing", MISSING, ids=lambda value: f"{type(value).__name__}")
@pytest.mark.parametrize("form", [list, pd.Series, pd.Categorical, lambda v: np.array(v, dtype=object)])
def test_missing_labels(missing, form):
    values = form(["dog", missing, "dog", "cat", missing, "cat"])
    with pytest.raises(
        ValueError, match=r"^labels has missing values \(.*\) at positions 1, 4: give each row"
    ):
        ng.manifolds(X, values)
    with pytest.raises(ValueError, match=r"^ids has missing values \(.*\) at positions 1, 4: "):
        ng.Representation(X, ids=values)
    with pytest.raises(ValueError, match=r"^ids \(for source\['x'\]\) has missing values"):
        ng.io.open_items({"x": X}, ids=values)
    with pytest.raises(ValueError, match=r"^names\[1\] is missing"):
        ng.pairwise([X] * 6, "cka", names=values)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2, 1, np.nan, 1, 2],
        [1, 2, 1, None, 1, 2],
        pd.Series([1, 2, 1, None, 1, 2], dtype="Int64"),
        pd.to_datetime(["2026-11-27"] * 3 + [None] + ["2026-11-27"] * 2),
        pd.Series(["a", "b", "a", None, "a", "b"], dtype="string"),
    ],
)
def test_missing_numbers_and_dates(values):
    with pytest.raises(ValueError, match=r"labels has missing values .* at position 3: "):
        ng.manifolds(X, values)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pd.cut(pd.Series([1, 9, 2, 8, 3, 7]), [0, 5, 10]), ["(0, 5]", "(5, 10]"]),
        (pd.cut([1, 9, 2, 8, 3, 7], [0, 5, 10]), ["(0, 5]", "(5, 10]"]),
        (pd.PeriodIndex(["2025-01", "2026-01"] * 3, freq="D"), ["2025-01-01", "2026-01-01"]),
        ([datetime.date(2025, 1, 1), datetime.date(2026, 1, 1)] * 3, ["2025-01-01", "2026-01-01"]),
    ],
)
def test_intervals_periods_and_dates_are_their_text(values, names):
    clouds = ng.manifolds(X, values)
    assert clouds.names.tolist() == names
    np.testing.assert_array_equal(clouds[1], X[1::2])


@pytest.mark.skipif("T" not in KINDS, reason="needs NumPy 2")
def test_missing_in_string_dtype():
    values = np.array(["a", None, "a", "b", "a", "b"], dtype=np.dtypes.StringDType(na_object=None))
    with pytest.raises(ValueError, match=r"labels has missing values \(None\) at position 1: "):
        ng.manifolds(X, values)


def test_what_numpy_made_of_a_missing_label():
    with pytest.warns(
        UserWarning, match=r"labels\[2\] is the string 'nan', which is what NumPy turns"
    ) as seen:
        assert len(ng.manifolds(X, np.array(["a", "b", np.nan, "a", "b", "a"]))) == 3
    assert seen[0].filename == __file__


def test_labels_of_several_types():
    text = r"labels mix str \(labels\[0\] is 'a'\) and int \(labels\[2\] is 3\): use one type for all labels"
    for values in (["a", "b", 3, "a", "b", 3], pd.Series(["a", "b", 3, "a", "b", 3])):
        with pytest.raises(TypeError, match=text):
            ng.manifolds(X, values)
    with pytest.raises(TypeError, match="ids mix str"):
        ng.Representation(X, ids=["a", "b", "c", 1, 2, 3])
    with pytest.raises(TypeError, match=r"labels\[0\] is \{\} of type dict; pass integers or strings"):
        ng.manifolds(X, [{}] * 6)
    with pytest.raises(ValueError, match=r"labels\[1\] is b'\\xff', which is not UTF-8"):
        ng.manifolds(X, [b"a", b"\xff", b"a", b"a", b"a", b"a"])
    assert ng.manifolds(X, np.array([1, 2, 1, 2, 1, 2], dtype=object)).names.tolist() == [1, 2]


def test_labels_that_look_like_a_target():
    for labels in (Y[:, 0], Y[:, 0].astype(np.float32).tolist(), pd.Series(Y[:, 0])):
        with pytest.raises(
            ValueError, match=r"labels are 6 floating-point numbers .* all different .* regression"
        ):
            ng.manifolds(X, labels)
    with pytest.raises(ValueError, match="floating-point numbers"):
        ng.sweep.CapacityJobs(Y[:, 0])
    assert len(ng.manifolds(X, [0.5, 1.5, 0.5, 1.5, 2.5, 3.5])) == 4
    assert len(ng.manifolds(X, np.arange(6.0))) == 6


# ---- pandas and xarray: an index, or a coordinate, identifies rows


def framed(data, index=None, columns=None):
    return pd.DataFrame(data, index, columns)


def arrayed(data, index):
    return xr.DataArray(data, dims=("image", "unit"), coords={"image": index})


@pytest.mark.parametrize("wrap", [framed, arrayed])
@pytest.mark.parametrize("other", [framed, arrayed, lambda data, index: ng.Representation(data, ids=index)])
def test_an_index_is_ids(wrap, other):
    x, y, shuffled = wrap(X, IDS), other(Y, IDS), other(Y[::-1], IDS[::-1])
    known = ng.cka(X, Y)
    assert ng.cka(x, y) == ng.cka(x, Y) == ng.cka(X, y) == known
    text = r"^the order of the stimulus ids differs: row 0 is 'a' in X but 'f' in Y; put .*Y\.loc\[X\.index\]"
    for compare in (ng.cka, ng.procrustes, ng.rsa, ng.cca, ng.subspace_angles):
        with pytest.raises(ValueError, match=text):
            compare(x, shuffled)
    with pytest.raises(
        ValueError, match=r"differs: row 0 is 'a' in representations\[0\] but 'f' in rep.*\[1\]"
    ):
        ng.pairwise([x, shuffled])
    with pytest.raises(ValueError, match=r"^the stimulus ids differ: row 5 is 'f' in .* but 'z' in "):
        ng.pairwise({"V1": x, "IT": other(Y, [*"abcde", "z"])})
    with pytest.raises(ValueError, match=r"row 0 is 'a' in test\[0\] but 'f' in test\[1\]"):
        ng.pairwise([X, Y], test=[x, shuffled])
    with pytest.raises(ValueError, match=r"row 0 is 'a' in .*'x'\) but 'f' in others\[0\]"):
        ng.pairwise(ng.io.open_items({"x": x}), others=[shuffled])
    if other is framed or other is arrayed:
        for metric in (ng.Procrustes(), ng.Permutation()):
            with pytest.raises(ValueError, match=text):
                metric.align(x, shuffled)
        with pytest.raises(ValueError, match=r"in blocks\[0\] but 'f' in blocks\[1\]"):
            ng.StreamingCKA().update([x, shuffled])


def test_identity_in_a_representation():
    of_frame = ng.Representation(framed(X, IDS, list("wxyz")))
    assert of_frame.ids.tolist() == IDS
    assert of_frame.units.tolist() == list("wxyz")
    of_array = ng.Representation(arrayed(X, IDS).assign_coords(unit=list("wxyz")))
    assert of_array.ids.tolist() == IDS
    assert of_array.units.tolist() == list("wxyz")
    beside = xr.DataArray(X, dims=("image", "unit"), coords={"file": ("image", IDS)})
    assert ng.Representation(beside).ids.tolist() == IDS
    assert ng.Representation(beside.assign_coords(kind=("image", WORDS))).ids is None  # which of them?
    plain = ng.Representation(framed(X))
    assert plain.ids is None
    assert plain.units is None
    assert ng.Representation(framed(X, IDS), ids=IDS[::-1]).ids.tolist() == IDS[::-1]  # as the user says
    levels = pd.MultiIndex.from_product([["cat", "dog"], [0, 1, 2]])
    assert ng.Representation(framed(X, levels)).ids[0] == "('cat', 0)"
    assert ng.rdm(framed(X, IDS)).ids.tolist() == IDS
    stacked = xr.DataArray(np.stack([X, X**2]), dims=("area", "image", "unit"), coords={"area": ["V1", "IT"]})
    assert ng.pairwise(stacked, "cka").names.tolist() == ["V1", "IT"]


def test_missing_values_of_an_index_matter_where_it_is_compared():
    gap, known = ["a", None, *"cdef"], ng.cka(X, Y)
    assert len(ng.manifolds(framed(X, gap), WORDS)) == len(ng.manifolds(X, WORDS))
    for other in (Y, framed(Y)):
        assert ng.cka(framed(X, gap), other) == ng.cka(framed(X, [0.0, np.nan, 2, 3, 4, 5]), other) == known
    for other in (framed(Y, IDS), ng.Representation(Y, IDS)):
        with pytest.raises(
            ValueError, match=r"the index of X has missing values \((nan|None)\) at position 1"
        ):
            ng.cka(framed(X, gap), other)
    with pytest.raises(ValueError, match=r"the index of data has missing values"):
        ng.Representation(framed(X, gap))
    assert ng.Representation(framed(X, gap, [None, *"xyz"]), IDS).units is None


def test_an_index_that_only_counts_says_nothing():
    known = ng.cka(X, Y)
    others = [range(10, 16), IDS, [0, 1, 2, 3, 4, 4]]
    for start in (0, 10):  # slices of one table, whichever comes first
        first, second = framed(X, range(start, start + 6)), framed(Y, range(10 - start, 16 - start))
        assert ng.cka(first, second) == known
        assert ng.Representation(first).ids is None
        with pytest.raises(ValueError, match="rows of Y are in another order than those of X"):
            ng.cka(first, framed(Y, first.index[::-1]))
        with pytest.raises(ValueError, match="rows of Y are in another order than those of X"):
            ng.cka(first, second.iloc[::-1])
    with pytest.raises(ValueError, match="the stimulus ids differ: row 0 is 10 in X but 20 in Y"):
        ng.cka(*(framed(X, pd.RangeIndex(start, start + 6, name="image")) for start in (10, 20)))
    for x in (framed(X), arrayed(X, np.arange(6)), framed(X, pd.Index(np.arange(6)))):
        assert ng.cka(x, framed(Y)) == known
        for index in others:
            assert ng.cka(x, framed(Y, index)) == known
        # but the same numbers in another order are rows of the same table, shuffled
        with pytest.raises(
            ValueError, match=r"rows of Y are in another order than those of X.* rows as 5, 4, 3, \.\.\."
        ):
            ng.cka(x, framed(Y).iloc[::-1])
        with pytest.raises(ValueError, match=r"rows of X are in another order than those of Y"):
            ng.cka(framed(Y).iloc[::-1], x)
    assert ng.cka(X, framed(Y).iloc[::-1]) == ng.cka(X, Y[::-1])
    # a category for each row: compared, but no ids of an RDM
    repeated = framed(X, list("aabbcc"))
    for other in (framed(Y, list("aabbcc")), ng.Representation(framed(Y, list("aabbcc")))):
        with pytest.warns(UserWarning, match=r"^the index of X has repeated values \(such as 'a'\)"):
            assert ng.cka(repeated, other) == known
    with pytest.raises(ValueError, match="order of the stimulus ids differs"):
        ng.cka(repeated, framed(Y, list("ababcc")))
    assert ng.rdm(repeated).ids is None


def test_index_of_data_and_labels():
    frame, labels = framed(X, IDS), pd.Series(WORDS, IDS)
    for fitting in (labels, pd.Series(WORDS), WORDS):
        np.testing.assert_array_equal(ng.manifolds(frame, fitting)[2], X[[0, 2]])
    with pytest.raises(
        ValueError, match="order of the stimulus ids differs: row 0 is 'a' in X but 'f' in labels"
    ):
        ng.manifolds(frame, labels.iloc[::-1])
    with pytest.raises(ValueError, match=r"the stimulus ids differ: row 0 is 'a' in X but 'z' in labels"):
        ng.manifolds(frame, labels.rename({"a": "z"}))
    with pytest.raises(ValueError, match=r"rows of X are in another order than those of labels"):
        ng.manifolds(framed(X).iloc[::-1], pd.Series(WORDS))


def test_index_of_what_is_given_beside_items():
    labels = pd.Series(WORDS, IDS)
    jobs = ng.sweep.CapacityJobs(labels, n_samples=5)
    for item in (framed(X, IDS), X, framed(X)):
        assert quick_plan([item], metric=jobs).n_items == 1
    (stored,) = ng.io.open_items({"x": ng.Representation(X, IDS[::-1])})
    for item in (framed(X, IDS[::-1]), ng.Representation(X, IDS[::-1]), stored):
        with pytest.raises(ValueError, match="row 0 is 'a' in labels but 'f' in items"):
            ng.sweep.plan([item], metric=jobs)
    with pytest.raises(ValueError, match=r"rows of items\[0\] are in another order than those of labels"):
        ng.sweep.plan([framed(X).iloc[::-1]], metric=ng.sweep.CapacityJobs(pd.Series(WORDS)))
    again = ng.sweep.CapacityJobs.made_from(jobs.arguments())
    assert (again.index, again.labels.tolist()) == (None, WORDS)
    folds, stimuli = pd.Series([0, 0, 0, 1, 1, 1]), pd.Series(list("abcabc"))
    known = ng.rdm(X, "crossnobis", folds=folds, stimuli=stimuli).condensed
    for x, f, s in (
        (framed(X), folds, stimuli),
        (framed(X).iloc[::-1], folds.iloc[::-1], stimuli.iloc[::-1]),
    ):
        found = ng.rdm(x, "crossnobis", folds=f, stimuli=s).condensed
        np.testing.assert_allclose(np.sort(found), np.sort(known), rtol=0, atol=1e-12)  # of a few sums
    for x, s in ((framed(X).iloc[::-1], None), (framed(X).iloc[::-1], stimuli), (X, stimuli.iloc[::-1])):
        with pytest.raises(ValueError, match=r"are in another order than those of (folds|stimuli)"):
            ng.rdm(x, "crossnobis", folds=folds, stimuli=s)
    with pytest.raises(ValueError, match="rows of Y are in another order than those of stimuli"):
        ng.rsa(X, framed(Y).iloc[::-1], rdm="crossnobis", compare="cosine", folds=folds, stimuli=stimuli)
    for metric in (ng.Procrustes(), ng.Permutation()):
        with pytest.raises(ValueError, match="rows of Y are in another order than those of X"):
            metric.transform(metric.fit(X, Y), framed(X), framed(Y).iloc[::-1])


def test_columns_of_what_shares_units():
    train, test = framed(X, None, list("wxyz")), framed(X[::-1], None, list("wxyz"))
    known = ng.pairwise([X, Y], "procrustes", test=[X[::-1], Y[::-1]]).held_out
    for other in (test, X[::-1], framed(X[::-1]), framed(X[::-1], None, ["w", "w", "x", "y"])):
        assert (ng.pairwise([train, Y], "procrustes", test=[other, Y[::-1]]).held_out == known).all()
    for first in (train, ng.Representation(X, units=list("wxyz"))):
        text = r"columns of test\[0\] are in another order .* column 0 is 'z', not 'w'; reorder .*\.columns\]"
        with pytest.raises(ValueError, match=text):
            ng.pairwise([first, Y], "procrustes", test=[test[list("zyxw")], Y])
        with pytest.raises(ValueError, match=r"columns of test\[0\] are other units than those of rep"):
            ng.pairwise([first, Y], "procrustes", test=[test.rename(columns={"z": "v"}), Y])
    text = r"columns of manifolds\[1\] are in another order than those of manifolds\[0\]"
    for compute in (ng.manifold_capacity, ng.effective_geometry):
        with pytest.raises(ValueError, match=text):
            compute([train, test[list("zyxw")]], n_samples=5)
    with pytest.raises(ValueError, match=r"columns of b are in another .* reorder them \(b\[a\.columns\]\)"):
        ng.overlap(train, test[list("zyxw")])
    with pytest.raises(ValueError, match="columns of b are in another order"):
        ng.overlap(framed(X), framed(X)[[1, 0, 2, 3]])
    assert ng.overlap(train, framed(X**2)).center_distance == ng.overlap(X, X**2).center_distance


def test_frames_of_any_dtypes():
    mixed = pd.DataFrame(
        {
            "a": pd.array([1, 2, 3, 4, 5, 7], dtype="Int64"),
            "b": pd.array([1.5, 2, 0, 1, 2, 0], dtype="Float64"),
            "c": [True, False, True, True, False, False],
            "d": np.arange(6, dtype=np.float32) ** 2,
        }
    )
    plain = np.array([[1, 1.5, 1, 0], [2, 2, 0, 1], [3, 0, 1, 4], [4, 1, 1, 9], [5, 2, 0, 16], [7, 0, 0, 25]])
    assert ng.cka(mixed, Y) == ng.cka(plain, Y)
    mixed.loc[4, "a"] = pd.NA
    with pytest.raises(ValueError, match=r"^X\[4, 0\] is nan; all values must be finite"):
        ng.cka(mixed, Y)
    assert ng.pairwise([mixed, Y], "cka", nan_policy="omit").n_stimuli.tolist() == [[5, 5], [5, 6]]
    for column in (WORDS, pd.Categorical(WORDS), pd.to_datetime(["2026-11-27"] * 6)):
        text = pd.DataFrame({"x": range(6), "kind": column})
        with pytest.raises(
            TypeError, match=r"^column 'kind' of X must hold real .*drop.*set_index\('kind'\)"
        ):
            ng.manifolds(text, WORDS)
    with pytest.raises(TypeError, match=r"^x must hold real numbers, not dtype"):
        checks.as_float_vector(pd.Series(WORDS), "x")


@pytest.mark.parametrize("form", ["csr_matrix", "coo_array", "csc_array"])
def test_sparse_matrices_say_what_to_do(form):
    sparse = getattr(scipy.sparse, form)(X)
    with pytest.raises(
        TypeError, match=r"^X is a sparse matrix of shape \(6, 4\): make it dense .*toarray\(\)"
    ):
        ng.cka(sparse, Y)
    with pytest.raises(TypeError, match=r"^manifolds\[1\] is a sparse matrix"):
        ng.alignment([X, sparse])


# ---- torch, by what its tensors look like


class Tensor:
    """Like a tensor of torch: refuses NumPy as long as something stands in the way."""

    def __init__(
        self, data, dtype="torch.float32", device="cpu", layout="torch.strided", grad=False, neg=False
    ):
        self.data, self.dtype, self.device, self.layout = data, dtype, device, layout
        self.grad, self.neg, self.is_quantized = grad, neg, False
        self.shape, self.ndim = data.shape, data.ndim

    def __len__(self):
        return len(self.data)

    def detach(self):
        return Tensor(self.data, self.dtype, self.device, self.layout, False, self.neg)

    def float(self):
        return Tensor(self.data, "torch.float32", self.device, self.layout, self.grad, self.neg)

    def resolve_neg(self):
        return Tensor(-self.data if self.neg else self.data, self.dtype, self.device, self.layout, self.grad)

    def __array__(self, dtype=None, copy=None):
        if self.grad or self.neg or self.dtype == "torch.bfloat16" or self.device != "cpu":
            raise RuntimeError("Can't call numpy()")
        return np.array(self.data, dtype=dtype)


def test_tensors_are_taken():
    single, known = X.astype(np.float32), ng.cka(X.astype(np.float32), Y)
    for options in ({}, {"grad": True}, {"dtype": "torch.bfloat16", "grad": True}, {"neg": True}):
        tensor = Tensor(-single if options.get("neg") else single, **options)
        assert ng.cka(tensor, Y) == known
        assert ng.manifolds(tensor, WORDS)[2].dtype == np.float32
        assert ng.alignment([tensor, Y @ RNG.standard_normal((3, 4))]).n_points.tolist() == [6, 6]
    labels = Tensor(np.array([0, 1, 0, 1, 0, 1]), "torch.int64", grad=True)
    assert ng.manifolds(X, labels).names.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"device": "cuda:0"}, r"^X is a tensor on 'cuda:0': move it to the CPU first \(\.cpu\(\)\)$"),
        ({"device": "meta"}, r"^X is a tensor on 'meta', which holds no values$"),
        ({"layout": "torch.sparse_coo"}, r"^X is a sparse tensor \(torch.sparse_coo\): make it dense first"),
        ({"dtype": "torch.complex64"}, r"^X must hold real numbers of at most 64 bits, not dtype complex64"),
    ],
)
def test_tensors_that_cannot_be_read(options, text):
    data = X.astype(np.complex64) if "dtype" in options else X
    with pytest.raises(TypeError, match=text):
        ng.cka(Tensor(data, **options), Y)


def test_what_a_library_raises_names_the_argument():
    class Unreadable:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no memory on the other side")

    with pytest.raises(TypeError, match=r"^X cannot be read as an array: no memory on the other side"):
        ng.cka(Unreadable(), Y)


# ---- float32 matrices are symmetric to the rounding of float32


def covariance_in(dtype):
    """Sums of the upper triangle from the first observation on, those of the lower from the last."""
    data = np.random.default_rng(3).standard_normal((500, 5)).astype(dtype)
    products = data[:, :, None] * data[:, None, :]
    forward = np.cumsum(products, axis=0, dtype=dtype)[-1]
    backward = np.cumsum(products[::-1], axis=0, dtype=dtype)[-1]
    return (np.triu(forward) + np.tril(backward, -1)) / dtype(500)


def test_symmetric_to_the_rounding_of_the_dtype():
    noise = covariance_in(np.float32)
    gap = np.abs(noise - noise.T).max() / np.abs(noise).max()
    assert 1e-10 < gap < 32 * np.finfo(np.float32).eps  # what float64 may not have
    data = np.random.default_rng(4).standard_normal((6, 5))
    found = ng.rdm(data, "mahalanobis", noise_covariance=noise).condensed
    known = ng.rdm(data, "mahalanobis", noise_covariance=covariance_in(np.float64)).condensed
    # The condition number of the covariance is below 2.
    np.testing.assert_allclose(found, known, rtol=100 * np.finfo(np.float32).eps)
    with pytest.raises(ValueError, match="noise_covariance is not symmetric"):
        ng.rdm(data, "mahalanobis", noise_covariance=noise.astype(np.float64))
    kernel = ng.CKA(kernel=lambda x: noise[:4, :4])
    assert np.isfinite(kernel.similarity(X[:4], Y[:4]))

    square = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], dtype=np.float32)
    rounded = square + np.float32(4e-7) * np.array([[1, 2, 0], [0, 1, 0], [0, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(ng.RDM(rounded).condensed, [1, 2, 3], rtol=1e-6)
    for wrong in (rounded.astype(np.float64), square + np.triu(np.full((3, 3), 1e-4, np.float32), 1)):
        with pytest.raises(ValueError, match="dissimilarities is not symmetric"):
            ng.RDM(wrong)
    for wrong in (square + np.float32(1e-4) * np.eye(3, dtype=np.float32), square + 4e-7 * np.eye(3)):
        with pytest.raises(ValueError, match="must have zeros on its diagonal"):
            ng.RDM(wrong)


# ---- errors say what to write


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ng.alignment([X], random_state=4), r"^alignment\(\) has no .*'random_state': use rng=4$"),
        (lambda: ng.downsample([X, X], 3, seed=np.int64(4)), r"'seed': use rng=4$"),
        (lambda: ng.effective_geometry([X, X], seed=4), r"'seed': use rng=4$"),
        (lambda: ng.pairwise([X, Y], n_jobs=2), r"^pairwise\(\) has no keyword 'n_jobs': use n_threads=2$"),
        (lambda: ng.sweep.run("x", n_jobs=2), r"^run\(\) has no keyword 'n_jobs': use n_threads=2$"),
        (lambda: ng.pairwise([X, Y], n_jobs=-1), r"has no keyword 'n_jobs': use n_threads=None$"),
        (lambda: ng.alignment([X, X], n_jobs=2), r"unexpected keyword argument 'n_jobs'"),
    ],
)  # fmt: skip
def test_keywords_of_other_packages(call, text):
    with pytest.raises(TypeError, match=text):
        call()


def test_functions_with_explained_keywords_are_still_themselves():
    for function in (ng.alignment, ng.pairwise, ng.effective_geometry, ng.sweep.plan):
        assert pickle.loads(pickle.dumps(function)) is function
        assert "rng" in inspect.signature(function).parameters or function is ng.pairwise


@pytest.mark.parametrize(
    "call",
    [
        lambda: ng.alignment([X, np.ones((3, 4))]),
        lambda: ng.pairwise([X, np.eye(6)], "cca"),
        lambda: ng.cca(X, np.eye(6)),
        lambda: ng.effective_geometry([X, -X], n_samples=5, rng=0),
    ],
)
def test_warnings_point_to_the_line_of_the_user(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {entry.filename for entry in caught} == {__file__}


def test_rows_are_those_of_the_user():
    broken = np.concatenate([X, X])
    broken[7, 2] = np.nan
    labels = ["b", "a"] * 6
    clouds = ng.manifolds(broken, labels)
    measures = [
        ng.alignment,
        ng.effective_geometry,
        ng.simulated_capacity,
        lambda c: ng.random_projection(c, 2),
    ]
    for measure in measures:
        for given in (clouds, ng.downsample(clouds, 6, rng=0), clouds.shuffled(np.random.default_rng(0))):
            with pytest.raises(ValueError, match=r"^X\[7, 2\] is nan; all values must be finite"):
                measure(given)
        with pytest.raises(ValueError, match=r"^manifolds\[1\]\[1, 2\] is nan"):
            measure([X, broken[6:]])
        with pytest.raises(ValueError, match=r"^manifolds\[1\]\[1, 2\] is nan"):
            measure(ng.downsample([X, broken[6:]], 6, rng=0))


def test_messages_show_what_was_given():
    with pytest.raises(ValueError, match=r"^ids must be distinct, but 'a' occurs more than once"):
        ng.Representation(X, ids=np.array(list("aabcde")))
    with pytest.raises(ValueError, match=r"^nan_policy must be one of .*, not 'drop'$"):
        ng.pairwise([X, Y], nan_policy=np.str_("drop"))
    with pytest.raises(
        ValueError, match=r"^X must be two-dimensional, .*\(6, 2, 2, 2\); flatten the other axes first"
    ):
        ng.manifolds(np.zeros((6, 2, 2, 2)), WORDS)
    with pytest.raises(
        ValueError, match=r"not \(6, 2, 2, 2\); flatten .*reshape\(\*manifolds\.shape\[:2\], -1\)"
    ):
        ng.alignment(np.zeros((6, 2, 2, 2)))
    with pytest.raises(ValueError, match=r"not \(6, 4\): put matrices in a list"):
        ng.pairwise(framed(X))
    assert [checks.as_size(n) for n in (0, 999, 1e3, 85_400, 999_900, 2.345e9)] == [
        "0 bytes", "999 bytes", "1 kB", "85.4 kB", "1 MB", "2.35 GB",
    ]  # fmt: skip


def test_inputs_are_left_as_they_are():
    index = pd.Index([("a", 1), "b", b"c", 2.0, "e", "f"], dtype=object, tupleize_cols=False)
    frame = framed(X.copy(), index)
    before = list(frame.index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ng.cka(frame, Y)
    assert list(frame.index) == before
    np.testing.assert_array_equal(frame.to_numpy(), X)
