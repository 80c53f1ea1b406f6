"""Checks of files and items that are opened from them; continues :mod:`neurogeom._validate_pairwise`."""

from __future__ import annotations

import contextlib
import errno
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from .._base.checks import AnyArray, as_array
from ..representations.checks import as_responses

_SUPPORTED = ".npy, .npz, .h5, .hdf5, .mat (of version 7.3), .safetensors and Zarr directories"
_MAX_SHOWN = 5  # entries listed in an error
MAX_BAD = 100  # files listed in an error
PICKLE = (
    "a pickle, which is refused: reading it can run code (save the matrices with numpy.save, numpy.savez or "
    "safetensors, e.g. numpy.save('x.npy', tensor.numpy()))"
)
_TORCH = (
    "a pickle, which is refused: reading it can run code (of torch, it seems: read it with tensors = "
    "torch.load({path!r}, weights_only=True) and convert it with numpy.savez('x.npz', **{{k: v.numpy() for "
    "k, v in tensors.items()}}) or, if it holds one tensor, numpy.save('x.npy', tensors.numpy()))"
)
_TORCH_ENDINGS = (".pt", ".pth", ".ckpt")
OLD_MATLAB = (
    "a MATLAB file of a format before 7.3: save it with save('x.mat', '-v7.3'), or convert it with "
    "scipy.io.loadmat and numpy.savez"
)

Keys = Sequence[str] | Callable[[str], Any] | None


def place(path: str, key: str) -> str:
    """Say which file, and which array of it."""
    return f"{path}: {key}" if key else path


@contextlib.contextmanager
def readable(path: str, key: str) -> Iterator[None]:
    """Turn what libraries raise about damaged files into `ValueError` with the file and the key."""
    try:
        yield
    except OSError as error:
        # The system names the file (missing, not allowed, busy, a full disk), but not where a damaged archive
        # has Python look at an impossible place in it.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{place(path, key)}: cannot be read: {str(error)[:200]}") from error
    # zlib, EOF: a cut file; RuntimeError, NotImplementedError: an encrypted or exotic zip, a bad checksum.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, RuntimeError) as error:
        text = str(error)
        if text.startswith(path):
            raise
        raise ValueError(f"{place(path, key)}: cannot be read: {text[:200]}") from error


# ---- what a source may be


def as_path(value: Any, name: str) -> str:
    """Take a path as text."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")
    if not path:
        raise ValueError(f"{name} is an empty path")
    return path


def refuse_source(value: Any, name: str, *, whole: bool) -> NoReturn:
    """Refuse what cannot be opened."""
    kinds = "a path, a glob pattern, a directory, or a list or mapping of paths and arrays"
    if not whole:
        kinds = "a path or a matrix"
    hint = ": put it into a list or mapping" if whole and hasattr(value, "__array__") else ""
    raise TypeError(f"{name} must be {kinds}, not {type(value).__name__}{hint}")


def refuse_missing(path: str) -> NoReturn:
    """Refuse a path at which nothing is."""
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def why_pickle(path: str, *, of_torch: bool = False) -> str:
    """Say why a pickle is not read, and how to convert it."""
    of_torch = of_torch or os.path.splitext(path)[1].lower() in _TORCH_ENDINGS
    return _TORCH.format(path=os.path.basename(path)) if of_torch else PICKLE


def refuse_pickle(path: str, key: str = "", *, of_torch: bool = False) -> NoReturn:
    """Refuse data that only unpickling could read."""
    raise ValueError(f"{place(path, key)}: {why_pickle(path, of_torch=of_torch)}")


def refuse_object_labels(path: str, key: str, what: str) -> NoReturn:
    """Refuse labels that are stored as Python objects, as those of a column of pandas are."""
    raise ValueError(
        f"{place(path, key)}: a pickle, which is refused: reading it can run code ({what} of text: save "
        f"{what}.astype(str))"
    )


def refuse_old_matlab(path: str) -> NoReturn:
    """Refuse a file of MATLAB that is no HDF5."""
    raise ValueError(f"{path}: {OLD_MATLAB}")


def cut(texts: Sequence[str], most: int = _MAX_SHOWN) -> str:
    """Write some texts in a row, and how many more there are."""
    return "; ".join([*texts[:most], *([f"and {len(texts) - most} more"] if len(texts) > most else [])])


def refuse_bad(bad: Sequence[Exception]) -> NoReturn:
    """Refuse a source in which files cannot be used, and name all of them."""
    if len(bad) == 1:
        raise bad[0]
    texts = cut([describe(error) for error in bad], MAX_BAD)
    raise ValueError(f"{len(bad)} files cannot be used (skip_bad leaves them out): {texts}") from bad[0]


def describe(error: Exception) -> str:
    """Say which file an error is about, and what is wrong."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def refuse_content(path: str, kind: str, *, is_pickle: bool) -> NoReturn:
    """Refuse a file whose content is not what its ending says."""
    if is_pickle:
        refuse_pickle(path)
    raise ValueError(
        f"{path}: no {kind} file, whatever its ending says: it is empty, damaged or something else"
    )


def refuse_kind(path: str) -> NoReturn:
    """Refuse a file of an unknown kind."""
    raise ValueError(f"{path}: of no kind that can be read, which are {_SUPPORTED}")


def refuse_empty(source: str, skipped: Sequence[str]) -> NoReturn:
    """Refuse a source in which no item was found."""
    reasons = cut(skipped)
    found = f"skipped: {reasons}" if reasons else f"no file of a kind that can be read ({_SUPPORTED})"
    raise ValueError(f"{source}: no matrices of two stimuli or more; {found}")


def as_keys(value: Any) -> list[str] | Callable[[str], Any] | None:
    """Take names of members or a function that picks them."""
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"keys must be a list of names or a function, not {type(value).__name__}")
    keys = sorted(value) if isinstance(value, (set, frozenset)) else list(value)
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"keys must hold names (str), not {type(key).__name__}")
    if not keys:
        raise ValueError("keys is empty")
    return list(dict.fromkeys(key.strip("/") for key in keys))


def require_key(key: str, keys: Sequence[str], path: str) -> None:
    """Refuse a name that a file does not hold."""
    if key not in keys:
        shown = ", ".join(map(repr, list(keys)[:30])) or "nothing"
        raise ValueError(f"{path} has no {key!r}; it holds {shown}{', ...' if len(keys) > 30 else ''}")


def require_keys_used(used: bool) -> None:
    """Refuse keys where no file has named members."""
    if not used:
        raise ValueError("keys names members of archives, but every file of the source holds one array")


def require_distinct_files(names: Sequence[str], places: Sequence[str]) -> None:
    """Refuse items that would be called the same."""
    seen: dict[str, str] = {}
    for name, where in zip(names, places, strict=True):
        if name in seen:
            raise ValueError(f"{seen[name]} and {where} are both called {name!r}: give names")
        seen[name] = where


# ---- what an array must be


def why_no_matrix(shape: tuple[int, ...], dtype: np.dtype[Any], flatten: bool) -> str | None:
    """Say why an array is no representation; None if it is one."""
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        return f"holds no real numbers of at most 64 bits, but {dtype}"
    if len(shape) < 2 or (len(shape) > 2 and not flatten):
        hint = "; flatten=True takes its other axes as units" if len(shape) > 2 else ""
        return f"is not two-dimensional (n_stimuli, n_units), but of shape {shape}{hint}"
    if 0 in shape:
        return f"is empty (shape {shape})"
    if shape[0] < 2:
        return "has one stimulus; a representation needs at least two"
    return None


def require_matrix(why: str | None, path: str, key: str, *, pickled: bool) -> None:
    """Refuse an array that was asked for by name and is no representation."""
    if pickled:
        refuse_pickle(path, key)
    if why is not None:
        raise ValueError(f"{place(path, key)}: {why}")


def as_cpu_matrix(value: Any, name: str, flatten: bool) -> AnyArray:
    """Take a matrix that lies in the memory of the CPU."""
    if isinstance(value, (str, bytes)) or not (hasattr(value, "__len__") or hasattr(value, "__dlpack__")):
        refuse_source(value, name, whole=False)
    array = as_array(value, name)
    return as_responses(array.reshape(len(array), -1) if flatten and array.ndim > 2 else array, name)


def require_bytes(wanted: int, size: int, path: str, key: str) -> None:
    """Refuse a file that ends before its data do."""
    if size < wanted:
        raise ValueError(f"{place(path, key)}: cut: {wanted} bytes are announced, but the file has {size}")


def refuse_header(error: Exception) -> NoReturn:
    """Refuse a .npy header that cannot be parsed."""
    raise ValueError(f"its header is damaged: {error}") from error


def refuse_short(path: str, key: str) -> NoReturn:
    """Refuse data that end too early, or go on."""
    raise ValueError(f"{place(path, key)}: holds more or fewer bytes than its header says: damaged, or cut")


def require_unchanged(before: Any, now: Any, what: str, path: str, key: str) -> None:
    """Refuse a file that is no longer what was opened."""
    if before != now:
        raise ValueError(
            f"{place(path, key)}: changed since it was opened: its {what} was {before}, now {now}"
        )


def refuse_full_disk(path: str, folder: str, error: OSError) -> NoReturn:
    """Say that a temporary copy does not fit, and where it should have gone."""
    raise OSError(
        error.errno,
        f"{error.strerror} while unpacking {path} into {folder} (the environment variable TMPDIR moves it)",
    ) from error


# ---- use of items


def as_rows(value: Any, count: int) -> Any:
    """Take a selection of rows: an integer, a slice, a mask or an array of integers."""
    if isinstance(value, slice) or value is Ellipsis:
        return slice(None) if value is Ellipsis else value
    array = np.asarray(value)
    if array.dtype.kind == "b" and array.ndim:
        if array.shape != (count,):
            raise IndexError(
                f"the mask must have one entry for each of the {count} rows, not shape {array.shape}"
            )
        return np.flatnonzero(array)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise IndexError("rows must be an integer, a slice, a mask or a vector of integers")
    wrong = (array < -count) | (array >= count)
    if wrong.any():
        at = int(array if array.ndim == 0 else array[wrong][0])
        raise IndexError(f"row {at} is out of range for {count} rows")
    return np.where(array < 0, array + count, array)


def as_columns(value: Any, count: int) -> int | slice:
    """Take a selection of columns: an integer or a slice."""
    if value is Ellipsis:
        return slice(None)
    if isinstance(value, slice):
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise IndexError(f"columns must be an integer or a slice, not {type(value).__name__}")
    if not -count <= value < count:
        raise IndexError(f"column {int(value)} is out of range for {count} columns")
    return int(value) % count


def require_axes(count: int) -> None:
    """Refuse more indices than a matrix has axes."""
    if count > 2:
        raise IndexError(f"an item has two axes, but {count} indices were given")


def refuse_no_copy(name: str) -> NoReturn:
    """Refuse to give an array without a copy where there is none to give."""
    raise ValueError(f"item {name!r} is not in memory in this form, so that copy=False cannot be had")


def as_location(value: Any, kinds: Sequence[str]) -> dict[str, Any]:
    """Take the location of a stored item."""
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
    if value["kind"] not in kinds:
        raise ValueError(
            f"location['kind'] must be one of {', '.join(map(repr, kinds))}, not {value['kind']!r}"
        )
    return dict(value)


def as_ids_path(value: Any) -> str:
    """Take the path of a .npy file of ids."""
    path = as_path(value, "ids")
    if not path.endswith(".npy"):
        raise ValueError(f"ids as a file must be a .npy file, not {path!r}")
    return path


def require_ids_vector(shape: tuple[int, ...], path: str, key: str, what: str) -> None:
    """Refuse ids that are no vector, before they are read."""
    if len(shape) != 1:
        raise ValueError(
            f"{place(path, key)}: {what} must be one label for each stimulus, not of shape {shape}"
        )


def refuse_ids_key(key: str, path: str) -> NoReturn:
    """Refuse a name of a member where there are no members."""
    raise ValueError(f"ids={key!r} is no .npy file, and {path} has no members that it could name")
