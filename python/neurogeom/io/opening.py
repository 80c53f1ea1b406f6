"""Opens files, and reopens stored items."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from .._base.checks import user_level
from ..representations.checks import as_flag
from .checks import MAX_BAD, cut, refuse_missing
from .formats import ENDINGS, require_matrix
from .items import StoredItem
from .search import in_memory, opened, size_of
from .sources import open_source

__all__ = ["StoredItem", "content_hash", "open_item", "open_items"]

_KINDS = sorted(set(ENDINGS.values()))


def open_items(
    source: Any,
    *,
    keys: Sequence[str] | Callable[[str], Any] | None = None,
    names: Sequence[str] | None = None,
    ids: ArrayLike | str | os.PathLike[str] | None = None,
    flatten: bool = False,
    skip_bad: bool = False,
) -> list[StoredItem]:
    """Open representations in files; only their headers are read.

    Parameters
    ----------
    source : path, glob pattern, directory, or list or mapping of these and of arrays
        Where the matrices (n_stimuli, n_units) are. A directory stands for all files with a known extension
        in it and its subdirectories, sorted, but not in sweeps; ``**`` in a pattern stands for any
        directories.
        Arrays, memory maps, torch tensors on the CPU and :class:`neurogeom.Representation` are accepted in
        lists and mappings. Keys of a mapping are names.
    keys : list of str or callable(str) -> bool, optional
        Which arrays of files that hold several (.npz, HDF5, safetensors, groups of Zarr) to take; each file
        must have those of a list. By default all that are matrices of numbers.
    names : list of str, optional
        Names of the items. By default the paths below the common directory, without extension, and with
        ``/key`` where a file contributes several arrays.
    ids : array-like of shape (n_stimuli,), path of a .npy file, or str, optional
        What identifies each stimulus: for all items, or the name of an array in each file. By default the
        index of a DataFrame or the coordinate of a DataArray, where they say more than the number of the row.
    flatten : bool, default False
        Flatten arrays with more axes to (n_stimuli, product of the others); otherwise they are left out, or
        refused if named in `keys`.
    skip_bad : bool, default False
        Leave out files that cannot be used, with a warning that names them, instead of raising an error
        (unusable arrays in memory always raise one).

    Returns
    -------
    list of StoredItem
        For :func:`neurogeom.pairwise`, or to be read, indexed or sent to other processes.

    Raises
    ------
    TypeError, ValueError
        If the source cannot be read, holds pickles, or has no matrix of two or more stimuli; if a file is
        damaged; if names are not distinct or ids do not fit.
    FileNotFoundError, PermissionError
        If a file is not there or must not be read.
    ImportError
        If HDF5 or Zarr is to be read and its library is not installed.

    Notes
    -----
    HDF5 written by MATLAB (also as .mat, since its version 7.3) has its axes in reverse order and says
    so: it is read as MATLAB shows it. Files from Julia and R are stored in that order too, but do not say so:
    transpose these. Each array in an HDF5 file counts once; `keys` may also name it by links within the
    file. Links to other files are not followed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> folder = tempfile.TemporaryDirectory()
    >>> V1 = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]])
    >>> np.save(os.path.join(folder.name, "V1.npy"), V1)
    >>> np.savez(os.path.join(folder.name, "net.npz"), conv1=V1[::-1], fc=V1**2)
    >>> items = ng.io.open_items(folder.name)
    >>> [item.name for item in items]
    ['V1', 'net/conv1', 'net/fc']
    >>> ng.pairwise(items).values[0].round(3)
    array([0.   , 0.331, 0.245])
    >>> folder.cleanup()
    """
    as_flag(flatten, "flatten")
    as_flag(skip_bad, "skip_bad")
    found = opened(source, keys, names, ids, flatten, skip_bad)
    if found.bad:
        warnings.warn(f"files left out: {cut(found.bad, MAX_BAD)}", UserWarning, stacklevel=user_level())
    return found.items


def open_item(location: Mapping[str, Any]) -> StoredItem:
    """Open an item again, perhaps on another machine that sees the same files.

    Parameters
    ----------
    location : mapping
        ``StoredItem.location``: kind, path, key, flatten and name.

    Returns
    -------
    StoredItem
        The item, without ids.

    Raises
    ------
    TypeError, ValueError
        If it is not such a mapping, or what it names is not (or no longer) a matrix.
    FileNotFoundError, PermissionError
        If the file is not there or must not be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "V1.npy")
    ...     np.save(path, np.eye(3))
    ...     (item,) = ng.io.open_items(path)
    ...     ng.io.open_item(item.location)
    StoredItem('V1', 3 stimuli, 3 units, float64)
    """
    place = _as_location(location)
    path, key = place["path"], place["key"]
    if not os.path.exists(path):
        refuse_missing(path)
    with open_source(place["kind"], path, key) as source:
        header = source.header
    require_matrix(place["kind"], header, path, key, place["flatten"])
    return StoredItem(place, header, size=size_of(path))


def content_hash(array: Any) -> str:
    """Return a checksum of a matrix that depends only on its content.

    It covers the dtype, the shape and the numbers, row by row, and so is the same for a matrix in any
    kind of file and in memory, in any byte order and layout.

    Parameters
    ----------
    array : array-like of shape (n_stimuli, n_units), or StoredItem
        The matrix; read in blocks if it is stored.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    TypeError, ValueError
        If it is not a real matrix of two or more rows, or its file is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> ng.io.content_hash(np.eye(2))[:16]
    '2e8e811ca5c057d1'
    >>> ng.io.content_hash(np.eye(2)) == ng.io.content_hash(np.eye(2, dtype=">f8"))
    True
    """
    item = array if isinstance(array, StoredItem) else in_memory(array, "array", "array")
    return item.content_hash()


def _as_location(value: Any) -> dict[str, Any]:
    """Check the location of a stored item."""
    if not isinstance(value, Mapping):
        raise TypeError(f"location must be a mapping, not {type(value).__name__}")
    missing = [key for key in ("kind", "path", "key", "flatten", "name") if key not in value]
    if missing:
        raise ValueError(f"location lacks {', '.join(map(repr, missing))}")
    if value["kind"] == "memory":
        raise ValueError(
            f"item {value['name']!r} was given as an array, which no other process can open: save it and "
            "give its path"
        )
    if value["kind"] not in _KINDS:
        raise ValueError(
            f"location['kind'] must be one of {', '.join(map(repr, _KINDS))}, not {value['kind']!r}"
        )
    return dict(value)
