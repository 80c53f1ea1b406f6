"""Comparisons of models, of groups, and of two matrices, with what is known of their errors."""
