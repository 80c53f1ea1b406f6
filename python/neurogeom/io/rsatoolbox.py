"""RDMs to and from rsatoolbox, which is never imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._base.checks import AnyArray, as_array, require_finite
from ..representations.checks import require_items, require_same_stimuli
from ..representations.rdm import RDM

_NUMBER = "index"  # the descriptor that rsatoolbox adds to all RDMs


def from_rsatoolbox(rdms: Any, *, names: str | None = None, ids: str | None = None) -> list[RDM]:
    """Convert an ``rsatoolbox.rdm.RDMs`` to RDMs.

    Parameters
    ----------
    rdms : rsatoolbox.rdm.RDMs
        Or anything with its attributes `dissimilarities`, `rdm_descriptors` and `pattern_descriptors`.
    names : str, optional
        The descriptor of RDMs that holds their names; by default "name" where there is one.
    ids : str, optional
        The descriptor of patterns that identifies stimuli; by default the only one besides "index" whose
        values are distinct. Where there are none or several, stimuli get no ids.

    Returns
    -------
    list of RDM
        One for each of its RDMs.

    Raises
    ------
    TypeError, ValueError
        If it is not such an object, a descriptor does not exist, or a dissimilarity is missing (NaN).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rdms = SimpleNamespace(  # as rsatoolbox.rdm.RDMs has them
    ...     dissimilarities=np.array([[0.5, 1.0, 0.7]]),
    ...     rdm_descriptors={"name": ["V1"]},
    ...     pattern_descriptors={"index": [0, 1, 2], "image": ["cat", "dog", "car"]},
    ... )
    >>> ng.from_rsatoolbox(rdms)
    [RDM('V1', 3 stimuli)]
    >>> ng.from_rsatoolbox(rdms)[0].ids.tolist()
    ['cat', 'dog', 'car']
    """
    vectors, of_rdms, of_patterns = _as_rdm_set(rdms)
    if names is None and "name" in of_rdms:
        names = "name"
    given = [None] * len(vectors) if names is None else list(_as_descriptor(of_rdms, names, "names"))
    if ids is None:
        distinct = [key for key, values in of_patterns.items() if key != _NUMBER and _are_distinct(values)]
        ids = distinct[0] if len(distinct) == 1 else None
    labels = None if ids is None else _as_descriptor(of_patterns, ids, "ids")
    return [RDM(vector, labels, name) for vector, name in zip(vectors, given, strict=True)]


def to_rsatoolbox(rdms: RDM | Iterable[RDM], *, measure: str | None = None) -> dict[str, Any]:
    """Return the arguments of ``rsatoolbox.rdm.RDMs`` for these RDMs.

    Parameters
    ----------
    rdms : RDM or iterable of RDM
        Dissimilarities of the same stimuli.
    measure : str, optional
        What they are, for ``dissimilarity_measure``.

    Returns
    -------
    dict
        Use it as ``rsatoolbox.rdm.RDMs(**ng.to_rsatoolbox(rdms))``. Names (where all have one) are its
        RDM descriptor "name", stimulus ids its pattern descriptor "stimulus".

    Raises
    ------
    TypeError, ValueError
        If one is not an RDM, or their stimuli differ.

    Examples
    --------
    >>> import neurogeom as ng
    >>> V1 = ng.RDM([0.5, 1.0, 0.7], ids=["cat", "dog", "car"], name="V1")
    >>> arguments = ng.to_rsatoolbox([V1], measure="correlation")
    >>> arguments["dissimilarities"].shape, arguments["rdm_descriptors"]
    ((1, 3), {'name': ['V1']})
    """
    items = [rdms] if isinstance(rdms, RDM) else list(rdms)
    require_items(len(items), "rdms")
    for i, item in enumerate(items):
        if not isinstance(item, RDM):
            raise TypeError(f"rdms[{i}] must be an RDM, not {type(item).__name__}")
    known = next((i for i, item in enumerate(items) if item.ids is not None), 0)
    first = (f"rdms[{known}]", items[known].n_stimuli, items[known].ids)
    for i, item in enumerate(items):
        require_same_stimuli(first, (f"rdms[{i}]", item.n_stimuli, item.ids))
    names = [item.name for item in items]
    stimuli = items[known].ids
    return {
        "dissimilarities": np.array([item.condensed for item in items]),
        "dissimilarity_measure": measure,
        "rdm_descriptors": {} if None in names else {"name": names},
        "pattern_descriptors": {} if stimuli is None else {"stimulus": stimuli.tolist()},
    }


def _are_distinct(values: Any) -> bool:
    array = np.asarray(values)
    if array.dtype.kind in "OT" and not all(isinstance(entry, str) for entry in array.tolist()):
        return False
    return array.ndim == 1 and array.dtype.kind in "iufbUSOT" and len(np.unique(array)) == len(array)


def _as_rdm_set(rdms: Any) -> tuple[AnyArray, dict[str, Any], dict[str, Any]]:
    """Read dissimilarities (n_rdms, n_pairs) and descriptors from what looks like rsatoolbox's RDMs."""
    wanted = ("dissimilarities", "rdm_descriptors", "pattern_descriptors")
    found: list[Any] = [getattr(rdms, attribute, None) for attribute in wanted]
    if any(entry is None for entry in found):
        raise TypeError(
            "rdms must be rsatoolbox RDMs (with dissimilarities, rdm_descriptors, pattern_descriptors), not "
            f"{type(rdms).__name__}"
        )
    vectors = as_array(found[0], "rdms.dissimilarities")
    if vectors.ndim != 2:
        raise ValueError(f"rdms.dissimilarities must have shape (n_rdms, n_pairs), not {vectors.shape}")
    require_finite(vectors, "rdms.dissimilarities")
    return vectors, dict(found[1]), dict(found[2])


def _as_descriptor(descriptors: dict[str, Any], key: str, argument: str) -> Any:
    """Look up one of rsatoolbox's descriptors by name."""
    if key not in descriptors:
        raise ValueError(f"{argument} must be one of {', '.join(map(repr, descriptors))}, not {key!r}")
    return descriptors[key]
