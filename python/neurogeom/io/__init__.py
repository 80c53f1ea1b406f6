"""Representations in files: opened by their headers, read when they are needed, never unpickled.

What can be opened: .npy, .npz, safetensors, HDF5 and MATLAB 7.3 (``pip install 'neurogeom[io]'``), Zarr
(``pip install 'neurogeom[store]'``), directories and glob patterns of these, arrays in memory, and tensors
of torch on the CPU.
"""

from .items import StoredItem
from .opening import content_hash, open_item, open_items

__all__ = ["StoredItem", "content_hash", "open_item", "open_items"]
