"""Two small sets of real data that come with the package, for examples and first tries.

``data/NOTICE.md`` names authors, licences and changes.
"""

from __future__ import annotations

import dataclasses
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF = NDArray[np.float16]
_INTS = NDArray[np.int64]
_STRINGS = NDArray[np.str_]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SentenceEmbeddings:
    """Sentences, their intents, and what four layers of a language model make of them.

    Attributes
    ----------
    layers : dict of str to ndarray, each (500, 384), float16
        Activations, one row per sentence; keys ``layer0``, ``layer2``, ``layer4``, ``layer6``.
    labels : ndarray of int, (500,)
        Intent of each sentence, an index into `classes`.
    classes : ndarray of str, (20,)
        Names of the intents.
    text : ndarray of str, (500,)
        The sentences.
    description : str
        Where the data come from.
    """

    layers: dict[str, _HALF]
    labels: _INTS
    classes: _STRINGS
    text: _STRINGS
    description: str

    def __repr__(self) -> str:
        return (
            f"SentenceEmbeddings({len(self.layers)} layers, {len(self.labels)} sentences, "
            f"{len(self.classes)} intents)"
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FMRIPatterns:
    """Volumes of human fMRI recorded while a person viewed pictures of eight categories.

    Attributes
    ----------
    patterns : ndarray, (8, 8, 9, 530), float16
        Signal by category, run, volume in the block, and voxel; in standard deviations of the rest volumes.
    X : ndarray, (576, 530), float16
        The same numbers (a view), one row per volume.
    labels : ndarray of int, (576,)
        Category of each row of `X`, an index into `classes`.
    runs : ndarray of int, (576,)
        Run of each row of `X`, 1 to 8.
    classes : ndarray of str, (8,)
        Names of the categories.
    description : str
        Where the data come from.
    """

    patterns: _HALF
    X: _HALF
    labels: _INTS
    runs: _INTS
    classes: _STRINGS
    description: str

    def __repr__(self) -> str:
        return f"FMRIPatterns({self.X.shape[0]} volumes, {self.X.shape[1]} voxels, 8 categories)"


def _read(name: str) -> dict[str, Any]:
    """Read an archive of this package wherever it is installed, even in a zip file."""
    source = resources.files(__package__) / "data" / name
    with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def load_minilm_clinc() -> SentenceEmbeddings:
    """Load sentence embeddings of a small language model, layer by layer.

    500 sentences that people say to an assistant (20 intents x 25 sentences of CLINC150 [1]_), as
    represented by all-MiniLM-L6-v2: hidden states after layers 0, 2, 4 and 6, averaged over tokens.

    Returns
    -------
    SentenceEmbeddings
        Record with `layers`, `labels`, `classes`, `text` and `description`.

    References
    ----------
    .. [1] Larson et al. (2019). An evaluation dataset for intent classification and out-of-scope
       prediction. EMNLP-IJCNLP. CC BY 3.0; model Apache-2.0.

    Examples
    --------
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> data = load_minilm_clinc()
    >>> data
    SentenceEmbeddings(4 layers, 500 sentences, 20 intents)
    >>> data.layers["layer6"].shape
    (500, 384)
    >>> print(data.classes[data.labels[0]], "|", data.text[0])
    alarm | wake me up at noon tomorrow
    """
    stored = _read("minilm_clinc.npz")
    return SentenceEmbeddings(
        layers={name: stored[name] for name in ("layer0", "layer2", "layer4", "layer6")},
        labels=stored["labels"].astype(np.int64),
        classes=stored["classes"],
        text=stored["text"],
        description=(
            "Sentence embeddings of all-MiniLM-L6-v2 (Apache-2.0), mean over tokens after layers "
            "0, 2, 4 and 6, for 20 intents x 25 sentences of CLINC150 (Larson et al. 2019, "
            "CC BY 3.0)"
        ),
    )


def load_haxby() -> FMRIPatterns:
    """Load fMRI patterns of one person who looked at eight categories of objects.

    One axial half-slice (530 voxels) of subject 1 of Haxby et al. [1]_, runs 1 to 8: each category
    was shown in one block of nine volumes (2.5 s each) per run. In each run, a quadratic trend was
    removed and voxels were z-scored relative to the rest volumes.

    Volumes of one block are strongly correlated in time, and they are not shifted for the
    haemodynamic delay: to test a decoder, leave out whole runs.

    Returns
    -------
    FMRIPatterns
        Record with `patterns`, `X`, `labels`, `runs`, `classes` and `description`.

    References
    ----------
    .. [1] Haxby, Gobbini, Furey, Ishai, Schouten, Pietrini (2001). Distributed and overlapping
       representations of faces and objects in ventral temporal cortex. Science 293, 2425-2430.
       CC BY-SA 3.0, from the distribution of PyMVPA.

    Examples
    --------
    >>> from neurogeom.datasets import load_haxby
    >>> data = load_haxby()
    >>> data
    FMRIPatterns(576 volumes, 530 voxels, 8 categories)
    >>> data.patterns.shape
    (8, 8, 9, 530)
    >>> print(*data.classes)
    face house shoe cat scissors scrambledpix bottle chair
    """
    stored = _read("haxby_slice.npz")
    patterns = stored["patterns"]
    category, run, _volume = np.indices(patterns.shape[:3]).reshape(3, -1)
    return FMRIPatterns(
        patterns=patterns,
        X=patterns.reshape(-1, patterns.shape[-1]),
        labels=category,
        runs=run + 1,
        classes=stored["categories"],
        description=(
            "fMRI of subject 1 of Haxby et al. (2001), one axial half-slice, runs 1-8, eight "
            "object categories; CC BY-SA 3.0, from the distribution of PyMVPA"
        ),
    )
