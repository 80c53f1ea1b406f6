"""What identifies a stored item: the hash of its content, where it is, and its stamp."""

from __future__ import annotations

import hashlib
import json
import os
import pickle

import neurogeom as ng
import numpy as np
import pytest
from helpers import writers
from neurogeom.io import items as _io_item

each_kind = pytest.mark.parametrize("kind", writers.WRITERS)


@pytest.fixture
def stored(tmp_path):
    """Opens a matrix written in some kind of file."""

    def make(kind, data, **options):
        (item,) = ng.io.open_items(writers.WRITERS[kind](tmp_path, data), **options)
        return item

    return make


@each_kind
@pytest.mark.parametrize("piece", [64, 1 << 24])
def test_hash_is_of_the_content(stored, kind, piece, monkeypatch):
    monkeypatch.setattr(_io_item, "_PIECE", piece)
    data = writers.matrix()
    # What the hash is over, written down once more.
    known = hashlib.sha256(b"<f4 13 10\n" + data.astype("<f4").tobytes()).hexdigest()
    assert stored(kind, data).content_hash() == known
    assert ng.io.content_hash(data) == known


def test_hash_depends_on_dtype_shape_and_every_value():
    data = writers.matrix()
    changed = data.copy()
    changed[12, 9] = np.nextafter(data[12, 9], data.dtype.type(np.inf))
    others = [data.astype("f8"), data.reshape(10, 13), data[::-1], data[:12], changed, data.view("i4")]
    hashes = {ng.io.content_hash(array) for array in [data, *others]}
    assert len(hashes) == 7
    same = [
        np.asfortranarray(data),
        writers.big_endian(data),
        data[::-1][::-1],
        data.tolist and np.array(data),
    ]
    assert {ng.io.content_hash(array) for array in same} == {ng.io.content_hash(data)}
    (item,) = ng.io.open_items([data])
    assert ng.io.content_hash(item) == item.content_hash() == ng.io.content_hash(data)


@each_kind
def test_location_opens_it_again(stored, kind, monkeypatch, tmp_path):
    data = writers.matrix()
    item = stored(kind, data, names=["V1"])
    location = json.loads(json.dumps(item.location))
    assert set(location) == {"kind", "path", "key", "flatten", "name"}
    assert os.path.isabs(location["path"])
    monkeypatch.chdir("/")
    again = ng.io.open_item(location)
    assert (again.name, again.shape, again.dtype, again.location) == (
        "V1",
        item.shape,
        item.dtype,
        item.location,
    )
    np.testing.assert_array_equal(again.read(), data)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(item)).read(), data)


@each_kind
def test_stamp(stored, kind):
    item = stored(kind, writers.matrix())
    path = item.location["path"]
    files = [path]
    if os.path.isdir(path):
        root = os.path.join(path, item.location["key"])
        files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    first = item.stamp()
    assert first["size"] == sum(os.path.getsize(file) for file in files)
    assert first["mtime_ns"] == max(os.stat(file).st_mtime_ns for file in files)
    os.utime(files[-1], ns=(0, first["mtime_ns"] + 10**9))
    assert item.stamp() == {"size": first["size"], "mtime_ns": first["mtime_ns"] + 10**9}
