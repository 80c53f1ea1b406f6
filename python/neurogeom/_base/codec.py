"""Values as JSON and arrays, without pickle: results, prepared items, metrics and their arguments.

Classes of this package are written under registered names, so that modules may move and stored values still
open. Only users' classes and functions are named by where they are defined, "package.module:name"; these are
imported only if the reader trusts the package.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from .checks import AnyArray
from .lazy import import_all

# Packages and modules that may be imported.
Trust: TypeAlias = Sequence[str]

_Class = TypeVar("_Class", bound=type)
_ROOT = __name__.partition(".")[0]
_REGISTERED: dict[str, type] = {}


class UntrustedError(ValueError):
    """Stored data name something that would have to be imported and that the reader does not trust."""


def registered(cls: _Class) -> _Class:
    """Let values of a class of this package be stored under the class's name, which must not change."""
    other = _REGISTERED.setdefault(cls.__name__, cls)
    assert other.__module__ == cls.__module__, f"two classes are called {cls.__name__}: {cls}, {other}"
    return cls


def register_if_built_in(cls: type) -> None:
    """Register a subclass if it is ours; a user's class is named by where it is defined."""
    if _is_ours(cls.__module__):
        registered(cls)


def _is_ours(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == _ROOT


def encode(value: Any, name: str, arrays: dict[str, AnyArray]) -> Any:
    """Describe a value in JSON; arrays in it go to `arrays`, by keys that start with `name`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"{name} holds an array of Python objects, which a store cannot keep")
        arrays[name] = _as_read(value)
        return {"array": name}
    lead = f"{name}." if name else ""
    if isinstance(value, (list, tuple)):
        items = [encode(item, f"{lead}{i}", arrays) for i, item in enumerate(value)]
        if hasattr(value, "_fields"):
            return {"tuple": items, "class": name_of(type(value), name)}
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item, f"{lead}{key}", arrays) for key, item in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        described = {key: encode(item, f"{lead}{key}", arrays) for key, item in fields.items()}
        return {"fields": described, "class": name_of(type(value), name)}
    if hasattr(value, "__array__"):
        return encode(np.asarray(value), name, arrays)
    if callable(value):
        return {"import": name_of(value, name)}
    raise TypeError(
        f"{name} holds a {type(value).__name__}, which a store cannot keep: only numbers, strings, arrays, "
        "lists, dicts, dataclasses and importable functions can be rebuilt by another process"
    )


def _as_read(array: AnyArray) -> AnyArray:
    """Return an array with the strides it will have when read back: BLAS's rounding depends on them."""
    order: Literal["C", "F"] = "F" if array.flags.fnc else "C"
    plain = np.empty(array.shape, array.dtype, order)
    return array if array.strides == plain.strides else array.copy(order)


def decode(description: Mapping[str, Any], arrays: Mapping[str, AnyArray], trust: Trust = ()) -> Any:
    """Rebuild the value that :func:`encode` described; users' own names are imported from `trust` only."""
    if "value" in description:
        return description["value"]
    if "array" in description:
        return arrays[description["array"]]
    if "import" in description:
        return found_as(description["import"], trust)
    if "list" in description:
        return [decode(item, arrays, trust) for item in description["list"]]
    if "tuple" in description:
        items = [decode(item, arrays, trust) for item in description["tuple"]]
        if "class" not in description:
            return tuple(items)
        cls = found_as(description["class"], trust)
        if not (isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_make")):
            raise TypeError(f"{description['class']!r} is not a named-tuple class")
        return cls._make(items)
    if "dict" in description:
        return {key: decode(item, arrays, trust) for key, item in description["dict"].items()}
    # Version 0.1.0 wrote results as {"result": name}.
    cls = found_as(description["result" if "result" in description else "class"], trust)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TypeError(f"{cls!r} is not a dataclass")
    fields = {key: decode(item, arrays, trust) for key, item in description["fields"].items()}
    return _made(cls, fields)


def _made(cls: type, fields: Mapping[str, Any]) -> Any:
    """Make a dataclass from its fields, without its checks; fields that are missing get their defaults."""
    made: Any = object.__new__(cls)
    if complete := getattr(cls, "_complete", None):  # what follows from the fields of an older version
        fields = complete(fields)
    unknown = fields.keys() - {field.name for field in dataclasses.fields(cls)}
    if unknown:
        raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
    for field in dataclasses.fields(cls):
        if field.name in fields:
            value = fields[field.name]
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            raise KeyError(field.name)
        object.__setattr__(made, field.name, value)
    return made


# ---- names of classes and functions


def name_of(thing: Any, user: str) -> str:
    """Return the registered name of a class of ours, or "package.module:name" of one of the user's.

    `user` is what errors say uses it.
    """
    module, qualified = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if qualified in _REGISTERED and _REGISTERED[qualified] is thing:
        return str(qualified)
    path = _place_of(thing)
    if not module or not qualified or module == "__main__" or "<" in qualified:
        what = "a lambda" if qualified and "<lambda>" in qualified else repr(path)
        raise TypeError(
            f"{user} uses {what}, which workers cannot import: put it at the top level of a module "
            "(in a file that all workers can find) and use it as package.module:name"
        )
    if _is_ours(module):
        raise TypeError(f"{user} uses {path!r} of neurogeom, which a store cannot name")
    try:
        same = import_from(path) is thing
    except (ImportError, AttributeError):
        same = False
    if not same:
        raise TypeError(f"{user} uses {path!r}, but importing that gives something else")
    return path


def _place_of(thing: Any) -> str:
    return f"{getattr(thing, '__module__', None)}:{getattr(thing, '__qualname__', None)}"


def found_as(name: str, trust: Trust) -> Any:
    """Find what :func:`name_of` named."""
    name = current_name(name)
    if ":" not in name:
        if name not in _REGISTERED:
            import_all()  # classes register when their modules are imported
        if name not in _REGISTERED:
            raise ValueError(f"{name!r} is not a class that this version of neurogeom stores")
        return _REGISTERED[name]
    require_trust(name, trust)
    found = import_from(name)
    if _place_of(found) != name:  # else any module that a trusted one imports could be reached through it
        raise ValueError(f"{name!r} is defined as {_place_of(found)!r}, the name that stores must use")
    return found


def current_name(name: str) -> str:
    """Return the registered name of a class of ours that version 0.1.0 named by its module."""
    module, _, qualified = name.partition(":")
    return qualified if qualified and _is_ours(module) else name


def with_current_names(description: Any) -> Any:
    """Return what version 0.1.0 wrote as this version would have written it."""
    if isinstance(description, list):
        return [with_current_names(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {
        key: current_name(item) if key == "class" and isinstance(item, str) else with_current_names(item)
        for key, item in description.items()
    }


def as_trust(value: Any) -> tuple[str, ...]:
    """Take names of packages or modules."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"trust must be a list of names of packages, such as ['my_package'], not {value!r}")
    names = tuple(dict.fromkeys(value))
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"trust must name packages or modules, such as 'my_package', not {name!r}")
    return names


def modules_in(description: Any) -> set[str]:
    """Name the users' modules that a description would import from."""
    if isinstance(description, Mapping):
        names = [item for key, item in description.items() if key in ("class", "import")]
        places = {current_name(name) for name in names if isinstance(name, str)}
        inside = set().union(*map(modules_in, description.values()))
        return inside | {place.partition(":")[0] for place in places if ":" in place}
    if isinstance(description, (list, tuple)):
        return set().union(*map(modules_in, description))
    return set()


def require_trust(path: str, trust: Trust) -> None:
    """Refuse to import from outside the packages that the reader trusts."""
    module = path.partition(":")[0]
    if not any(module == package or module.startswith(f"{package}.") for package in trust):
        package = module.partition(".")[0]
        raise UntrustedError(
            f"{path!r} is not part of neurogeom, and importing it runs its code: if you trust it, say "
            f"trust=[{package!r}] (in the command line: --trust {package})"
        )


def import_from(path: str) -> Any:
    """Import what "package.module:name" names."""
    module, _, qualified = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    return found
