"""Manifolds as clouds of points: building them, their labellings, alignment and dimensionality."""
