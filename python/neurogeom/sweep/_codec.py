"""Values as JSON and arrays: prepared items and the arguments of metrics, without pickle."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from .. import _validate_specs as check
from .._validate import AnyArray


def encode(value: Any, name: str, arrays: dict[str, AnyArray]) -> Any:
    """Describe a value in JSON; arrays in it go to `arrays`, by keys that start with `name`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    if isinstance(value, np.ndarray):
        check.require_plain_dtype(value.dtype, name)
        arrays[name] = _as_read(value)
        return {"array": name}
    if isinstance(value, (list, tuple)):
        items = [encode(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
        if hasattr(value, "_fields"):
            return {"tuple": items, "class": path_of(type(value), name)}
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item, f"{name}.{key}", arrays) for key, item in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        described = {key: encode(item, f"{name}.{key}", arrays) for key, item in fields.items()}
        return {"fields": described, "class": path_of(type(value), name)}
    if hasattr(value, "__array__"):
        return encode(np.asarray(value), name, arrays)
    if callable(value):
        return {"import": path_of(value, name)}
    raise check.unstorable(value, name)


def _as_read(array: AnyArray) -> AnyArray:
    """Give an array the strides that it will have when it is read: BLAS rounds by them."""
    order: Literal["C", "F"] = "F" if array.flags.fnc else "C"
    plain = np.empty(array.shape, array.dtype, order)
    return array if array.strides == plain.strides else array.copy(order)


def decode(description: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Any:
    """Make the value again that :func:`encode` described."""
    if "value" in description:
        return description["value"]
    if "array" in description:
        return arrays[description["array"]]
    if "import" in description:
        return import_from(description["import"])
    if "list" in description:
        return [decode(item, arrays) for item in description["list"]]
    if "tuple" in description:
        items = [decode(item, arrays) for item in description["tuple"]]
        return import_from(description["class"])(*items) if "class" in description else tuple(items)
    if "dict" in description:
        return {key: decode(item, arrays) for key, item in description["dict"].items()}
    made = object.__new__(import_from(description["class"]))
    for key, item in description["fields"].items():
        object.__setattr__(made, key, decode(item, arrays))
    return made


def path_of(thing: Any, name: str) -> str:
    """Give "package.module:name" of a class or function that another process can import."""
    module, qualified = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    path = f"{module}:{qualified}"
    check.require_importable(module, qualified, path, name)
    try:
        found = import_from(path)
    except (ImportError, AttributeError):
        found = None
    check.require_same_object(found is thing, path, name)
    return path


def import_from(path: str) -> Any:
    """Import what "package.module:name" names."""
    module, _, qualified = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    return found


def size_of(value: Any) -> int:
    """Bytes of the arrays in a value."""
    arrays: dict[str, AnyArray] = {}
    encode(value, "", arrays)
    return sum(array.nbytes for array in arrays.values())
