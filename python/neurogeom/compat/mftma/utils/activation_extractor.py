"""Stands in for ``mftma.utils.activation_extractor``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...._base.checks import AnyArray


def extractor(
    model: Any,
    data: Iterable[Any],
    layer_nums: Iterable[int] | None = None,
    layer_types: Iterable[str] | None = None,
) -> OrderedDict[str, list[AnyArray]]:
    """Run a torch model on batches and keep the outputs of its layers.

    Same as the original: the names (``layer_0_Input``, then ``layer_<number>_<type>`` of the layers
    without children, in order) and the values. Different: there is no global dictionary; the model is
    left as it was (the original leaves an attribute on every layer, and its hooks if a batch fails); a
    layer that occurs twice in the model has one hook; and outputs are copied when they are made (in the
    original, later in-place layers change them). torch is not imported here: any model with
    ``children``, ``register_forward_hook`` and ``_get_name`` will do.

    Parameters
    ----------
    model : torch.nn.Module
    data : iterable of tensors
        One batch each, for instance one manifold each.
    layer_nums, layer_types : optional
        Numbers or type names of the layers to keep; at most one of the two.

    Returns
    -------
    OrderedDict
        For each layer the list of its outputs as NumPy arrays, one per batch.

    Raises
    ------
    ValueError
        If both `layer_nums` and `layer_types` are given.
    """
    if layer_nums is not None and layer_types is not None:
        raise ValueError("give layer_nums or layer_types, not both")
    numbers = None if layer_nums is None else set(layer_nums)
    types = None if layer_types is None else set(layer_types)
    activations: OrderedDict[str, list[AnyArray]] = OrderedDict(layer_0_Input=[])
    leaves: list[Any] = []
    _collect_leaves(model, leaves)
    # A layer that occurs twice keeps its last name, as in the original.
    named = {id(leaf): (number, leaf) for number, leaf in enumerate(leaves, 1)}
    hooks = []
    try:
        for number, leaf in named.values():
            kind = leaf._get_name()
            if (numbers is None or number in numbers) and (types is None or kind in types):
                hook = _recorder(activations, f"layer_{number}_{kind}")
                hooks.append(leaf.register_forward_hook(hook))
        for batch in data:
            activations["layer_0_Input"].append(_to_numpy(batch))
            model(batch)
    finally:
        for handle in hooks:
            handle.remove()
    return activations


def _collect_leaves(module: Any, leaves: list[Any]) -> None:
    children = list(module.children())
    if not children:
        leaves.append(module)
    for child in children:
        _collect_leaves(child, leaves)


def _recorder(activations: dict[str, list[AnyArray]], name: str) -> Callable[..., None]:
    def record(module: Any, inputs: Any, output: Any) -> None:
        activations.setdefault(name, []).append(_to_numpy(output))

    return record


def _to_numpy(tensor: Any) -> AnyArray:
    """Copy: a later layer may write to the same memory (a ReLU in place)."""
    tensor = tensor.data.cpu()
    if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":
        tensor = tensor.float()
    return np.array(tensor.numpy())
