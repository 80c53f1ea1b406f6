"""Parts and products of measures that align representations linearly: one core F_i' F_j serves all of them.

Only inner products between stimuli matter to these measures, so that a representation X (stimuli x units) is
replaced by any F with F F' = X X' (or, for whitened measures, by an orthonormal basis of its column space), in
as few columns as it has rank. The nuclear norm of a core is the similarity of the aligned items (Williams et
al. 2021).
"""

from __future__ import annotations
