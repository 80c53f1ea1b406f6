"""Small real data sets that come with the package."""

from .bundled import FMRIPatterns, SentenceEmbeddings, load_haxby, load_minilm_clinc

__all__ = ["FMRIPatterns", "SentenceEmbeddings", "load_haxby", "load_minilm_clinc"]
