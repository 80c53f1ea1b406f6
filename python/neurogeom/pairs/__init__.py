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

A null permutes the stimuli of the column item: draw d of item k is one permutation, given by
:class:`neurogeom.inference.Permutations`, whichever tile, process or order it is made in, so that
:func:`neurogeom.pairwise` and sweeps give the same bits; so do the resamples of a bootstrap.

``omission`` comes before ``all_pairs`` when missing values are left out pair by pair. ``streaming`` stands
apart: linear CKA over more stimuli than fit in memory, which needs no prepared items. ``metrics.base`` says
what a metric has to provide.

To add a field of pairs, compute it in :func:`~neurogeom.pairs.evaluation.pair_tile` and name it in
:func:`~neurogeom.pairs.evaluation.pair_fields` and on :class:`~neurogeom.pairs.result.Pairwise`: all three
callers then have it.
"""
