"""Responses of a convolutional layer, and the kind of item that they are."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.checks import (
    AnyArray,
    FloatArray,
    as_array,
    as_choice,
    as_text,
    require_finite,
    require_no_gaps,
    row_index,
)
from . import checks as check
from .items import Item, item_of
from .representation import Representation


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FeatureMaps:
    """Responses of a convolutional layer to images: one map (height, width) for each channel.

    Parameters
    ----------
    data : array-like of shape (n_images, height, width, n_channels)
        Responses; kept as they are, without a copy, until they are needed.
    ids : array-like of shape (n_images,), optional
        What identifies each image, as for :class:`Representation`.
    name : str, optional
        How results call it.
    channels : {"last", "first"}, default "last"
        Where the axis of channels is: "first" takes (n_images, n_channels, height, width), as PyTorch has it.

    Attributes
    ----------
    data : ndarray of shape (n_images, height, width, n_channels)
        The responses, channels last.
    n_stimuli, height, width, n_channels : int
        The shape.

    Raises
    ------
    TypeError, ValueError
        If the data are not a real array of four axes, of two images or more, or ids do not fit them.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> ng.FeatureMaps(np.zeros((10, 3, 8, 6)), channels="first", name="conv1")
    FeatureMaps('conv1', 10 images, 8 x 6, 3 channels)
    """

    data: AnyArray
    ids: AnyArray | None = None
    name: str | None = None

    def __init__(
        self,
        data: Any,
        ids: ArrayLike | None = None,
        name: str | None = None,
        channels: Literal["last", "first"] = "last",
    ) -> None:
        as_choice(channels, "channels", ("last", "first"))
        array = as_array(data, "data")
        axes = ["n_images", "height", "width"]
        axes.insert(3 if channels == "last" else 1, "n_channels")
        if array.ndim != 4:
            raise ValueError(f"data must have four axes ({', '.join(axes)}), not shape {array.shape}")
        if array.size == 0:
            raise ValueError(f"data is empty (shape {array.shape})")
        if len(array) < 2:
            raise ValueError("data has one image; a representation needs at least two stimuli")
        object.__setattr__(self, "data", array if channels == "last" else np.moveaxis(array, 1, 3))
        found = None if ids is None else check.as_ids(ids, len(array), "ids")
        if ids is None and (index := row_index(data, "data")) is not None:
            require_no_gaps(index, "data")
            found = index.names
        object.__setattr__(self, "ids", found)
        object.__setattr__(self, "name", None if name is None else as_text(name, "name"))

    @property
    def n_stimuli(self) -> int:
        """Number of images."""
        return len(self.data)

    @property
    def height(self) -> int:
        """Rows of a map."""
        return int(self.data.shape[1])

    @property
    def width(self) -> int:
        """Columns of a map."""
        return int(self.data.shape[2])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.data.shape[3])

    def flatten(self) -> Representation:
        """Return the responses of all positions and channels as units, for measures without maps.

        Returns
        -------
        Representation
            Of shape (n_images, height * width * n_channels), with the same ids and name.

        Examples
        --------
        >>> import numpy as np
        >>> import neurogeom as ng
        >>> ng.FeatureMaps(np.zeros((10, 8, 6, 3)), name="conv1").flatten()
        Representation('conv1', 10 stimuli, 144 units)
        """
        return Representation(self.data.reshape(self.n_stimuli, -1), ids=self.ids, name=self.name)

    def __repr__(self) -> str:
        shown = "" if self.name is None else f"{self.name!r}, "
        size = f"{self.height} x {self.width}"
        return f"FeatureMaps({shown}{self.n_stimuli} images, {size}, {self.n_channels} channels)"


class OpenedFeatureMaps:
    """What a metric's parts get from an item of feature maps."""

    def __init__(self, data: AnyArray, label: str) -> None:
        self.label = label
        self._data = data
        self._whole: FloatArray | None = None

    def whole(self) -> FloatArray:
        """Return all of it as float64, (n_images, height, width, n_channels)."""
        if self._whole is None:
            array = np.ascontiguousarray(self._data, dtype=np.float64)
            require_finite(array, self.label)
            check.require_normal_range(array, self.label)
            self._whole = array
        return self._whole

    def undivided(self) -> OpenedFeatureMaps:
        """Return the same: there is one piece."""
        return self


class Maps(Item):
    """Feature maps; the source is an array (n_images, height, width, n_channels)."""

    kind = "feature_maps"
    noun = "a set of feature maps"
    wanted = "feature maps (ng.FeatureMaps)"

    source: AnyArray

    @property
    def n_stimuli(self) -> int:
        """Number of images."""
        return len(self.source)

    @property
    def n_units(self) -> int:
        """Number of positions and channels."""
        return int(np.prod(self.source.shape[1:]))

    def open(self) -> OpenedFeatureMaps:
        """Open it; it is read when it is asked for."""
        return OpenedFeatureMaps(self.source, self.label)

    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Return which images have no missing value (NaN)."""
        if np.isinf(self.source).any():  # NaN stands for a missing value, infinity for none
            require_finite(np.where(np.isnan(self.source), 0.0, self.source), self.label)
        return np.array([not np.isnan(image).any() for image in self.source])

    def units_without_values(self) -> NDArray[np.intp]:
        """Return the positions and channels that are NaN for every image."""
        return np.flatnonzero(np.isnan(self.source).all(axis=0))

    def _taken(self, stimuli: NDArray[Any]) -> AnyArray:
        return np.asarray(self.source[stimuli])

    def array(self) -> AnyArray:
        """Return the maps."""
        return np.asarray(self.source)

    def content_hash(self) -> str:
        """Return the checksum of the maps and of their shape."""
        stored = self.source.dtype.newbyteorder("<")
        digest = hashlib.sha256(f"feature maps {stored.str} {self.source.shape}\n".encode())
        for image in self.source:
            digest.update(np.ascontiguousarray(image, dtype=stored).data)
        return digest.hexdigest()

    @classmethod
    def of_array(cls, array: AnyArray, label: str, name: str) -> Maps:
        """Take maps as they are."""
        return cls(label, name, array)


@item_of.register(FeatureMaps)
def _(entry: FeatureMaps, label: str, name: str) -> Item:
    return Maps(label, name, entry.data, entry.ids)
