"""Stands in for ``mftma.utils``: sampling classes, reading activations, the analysis of a model."""
