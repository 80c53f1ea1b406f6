"""Representations in files: opened by their headers, read when they are needed, never unpickled.

What can be opened: .npy, .npz, safetensors, HDF5 and MATLAB 7.3 (``pip install 'neurogeom[io]'``), Zarr
(``pip install 'neurogeom[store]'``), directories and glob patterns of these, arrays in memory, and tensors
of torch on the CPU.

The modules, each built on those below it:

========= ================================================================================================
opening   the public functions
search    which files a source stands for, which arrays of them are items, and their names and ids
items     one matrix of a file, known by its header: read, indexed and hashed on demand
sources   what a file of each kind holds; a matrix in it that is open, by blocks; labels
formats   which kind a file is, and the headers that are read without a library
checks    what is wrong with a file, in words
========= ================================================================================================

`rsatoolbox` converts RDMs from and to that package.
"""

from .items import StoredItem
from .opening import content_hash, open_item, open_items

__all__ = ["StoredItem", "content_hash", "open_item", "open_items"]
