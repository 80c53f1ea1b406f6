"""What is wrong with a file, in words: checks shared by the modules here, and errors of libraries."""

from __future__ import annotations

import contextlib
import errno
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import NoReturn

_MAX_SHOWN = 5  # entries listed in an error
MAX_BAD = 100  # files listed in an error
_PICKLE = "a pickle, which is refused: reading it can run code"
_CONVERT = (
    "save the matrices with numpy.save, numpy.savez or safetensors, e.g. numpy.save('x.npy', tensor.numpy())"
)
_CONVERT_TORCH = (
    "apparently from torch: read it with tensors = torch.load({path!r}, weights_only=True) and convert it "
    "with numpy.savez('x.npz', **{{k: v.numpy() for k, v in tensors.items()}}) or, if it holds one tensor, "
    "numpy.save('x.npy', tensors.numpy())"
)
_TORCH_ENDINGS = (".pt", ".pth", ".ckpt")


def place(path: str, key: str) -> str:
    """Name the file, and the array in it."""
    return f"{path}: {key}" if key else path


@contextlib.contextmanager
def readable(path: str, key: str) -> Iterator[None]:
    """Turn what libraries raise about damaged files into `ValueError` with the file and the key."""
    try:
        yield
    except OSError as error:
        # System errors name the file (missing, not allowed, busy, a full disk), unless a damaged archive
        # makes Python seek to an impossible place in it.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{place(path, key)}: cannot be read: {str(error)[:200]}") from error
    # zlib, EOF: a truncated file; RuntimeError, NotImplementedError: an encrypted or odd zip, a bad checksum.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, RuntimeError) as error:
        text = str(error)
        if text.startswith(path):
            raise
        raise ValueError(f"{place(path, key)}: cannot be read: {text[:200]}") from error


def describe(error: Exception) -> str:
    """Describe an error with the file that it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def cut(texts: Sequence[str], most: int = _MAX_SHOWN) -> str:
    """Join the first few texts, and say how many more there are."""
    return "; ".join([*texts[:most], *([f"and {len(texts) - most} more"] if len(texts) > most else [])])


def why_pickle(path: str, *, of_torch: bool = False) -> str:
    """Explain why a pickle is not read, and how to convert it."""
    of_torch = of_torch or os.path.splitext(path)[1].lower() in _TORCH_ENDINGS
    convert = _CONVERT_TORCH.format(path=os.path.basename(path)) if of_torch else _CONVERT
    return f"{_PICKLE} ({convert})"


def refuse_pickle(path: str, key: str = "", advice: str = "", *, of_torch: bool = False) -> NoReturn:
    """Refuse data that only unpickling could read."""
    why = f"{_PICKLE} ({advice})" if advice else why_pickle(path, of_torch=of_torch)
    raise ValueError(f"{place(path, key)}: {why}")


def refuse_content(path: str, kind: str, *, is_pickle: bool) -> NoReturn:
    """Refuse a file whose content is not what its extension says."""
    if is_pickle:
        refuse_pickle(path)
    raise ValueError(
        f"{path}: not a {kind} file, despite its extension: it is empty, damaged or something else"
    )


def refuse_missing(path: str) -> NoReturn:
    """Refuse a path where there is nothing."""
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
