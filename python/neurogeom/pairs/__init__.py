"""All pairs of representations: one driver over one grid of tiles.

All pairs are computed in one way, whoever asks for them::

    ng.pairwise                 ng.sweep's workers            compat.netrep
    driver: arguments           items and results of          fit and score of foreign metrics
      |                         a store, tile by tile           |
    all_pairs: prepares           |                             |
    items, tile after tile        |                             |
      |                           |                             |
      +---------------------------+---- tiles: Grid ------------+   which blocks of pairs there are, which
      |                           |     fill_known                  pairs of a block are wanted, which entries
      |                           |                                 follow from others
      +---------------------------+
      |
    evaluation: pair_tile                                           fields of one tile: values, values on
      |                                                             held-out stimuli, values under a null
    metrics.base: evaluate                                          products, pair, finish

A null permutes the stimuli of the column item: draw d of item k is one permutation by
:class:`neurogeom.inference.Permutations`, in whichever tile, process and order it is made, so that
:func:`neurogeom.pairwise` and sweeps give the same bits. ``omission`` stands in front of ``all_pairs`` where
missing values are left out pair by pair, and ``streaming`` beside all: linear CKA over more stimuli than fit
into memory, which needs no prepared items. What a metric has to give stands in ``metrics.base``.

To add a field of pairs, compute it in :func:`~neurogeom.pairs.evaluation.pair_tile`, name it in
:func:`~neurogeom.pairs.evaluation.pair_fields` and on :class:`~neurogeom.pairs.result.Pairwise`: all three
callers have it then.
"""
