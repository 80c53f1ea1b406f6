"""What the compiled modules ``_core`` and ``_core_v3`` offer to the Python layer (not public)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]
_Progress = Callable[[int, int], object] | None
# Whether the activation is erf, depth, variance of weights and of biases, whether it is the tangent kernel.
_Network = tuple[bool, int, float, float, bool]

def build_info() -> dict[str, str]: ...
def supports_v3() -> bool: ...
def standard_normals(key: int, stream: int, first_index: int, n_rows: int, length: int) -> _Array: ...
def lapack_signatures() -> list[tuple[str, str]]: ...
def use_lapack(capsules: Sequence[object]) -> None: ...
def core_quantities(
    rows: Sequence[_Array],
    columns: Sequence[_Array],
    rows_trapezoidal: bool,
    columns_trapezoidal: bool,
    wanted: NDArray[np.bool_],
    quantities: Sequence[tuple[bool, Sequence[_Array], Sequence[_Array]]],
    n_threads: int,
    progress: _Progress,
) -> list[_Array]: ...
def inner_products(
    rows: Sequence[_Array], columns: Sequence[_Array], n_threads: int, progress: _Progress
) -> _Array: ...
def packed_gram(matrix: _Array) -> _Array: ...
def nuclear_norms(stack: _Array, n_threads: int) -> _Array: ...
def project_cone(
    points: _Array, targets: _Array, margin: float, n_threads: int, progress: _Progress
) -> tuple[_Array, _Array, NDArray[np.int8], _Array]: ...
def mean_points(manifolds: Sequence[NDArray[Any]], n_threads: int) -> tuple[_Array, _Array]: ...
def reduced_coordinates(
    manifolds: Sequence[NDArray[Any]],
    centers: _Array,
    removed: _Array,
    scale: _Array,
    n_threads: int,
) -> list[_Array]: ...
def anchor_statistics(
    points: Sequence[_Array],
    streams: Sequence[int],
    draws: Sequence[_Array] | None,
    margin: float,
    n_samples: int,
    key: int,
    keep: bool,
    n_threads: int,
    progress: _Progress,
) -> tuple[_Array, _Array, list[_Array]]: ...
def minimize_correlation(
    centers: _Array,
    starts: Sequence[_Array],
    max_iterations: int,
    gradient_norm: float,
    decrease: float,
    least_share: float,
    n_threads: int,
) -> list[tuple[_Array, float, float, int]]: ...

class JointProjections:
    @property
    def squared(self) -> _Array: ...
    @property
    def residual(self) -> _Array: ...
    @property
    def status(self) -> NDArray[np.int8]: ...
    @property
    def inseparable(self) -> NDArray[np.bool_]: ...
    @property
    def undetermined(self) -> NDArray[np.bool_]: ...
    def weights(self) -> tuple[_Array, NDArray[np.int64], NDArray[np.int64]]: ...
    def anchors(self, inactive: int, n_threads: int, progress: _Progress) -> dict[str, Any]: ...
    def parts(self, n_threads: int, progress: _Progress) -> _Array: ...

def project_joint(
    points: _Array,
    starts: Sequence[int],
    draws: _Array,
    labels: NDArray[np.int8],
    dead: bool,
    margin: float,
    n_threads: int,
    progress: _Progress,
) -> JointProjections: ...
def decide_separability(
    vectors: _Array,
    first: Sequence[int],
    n_axes: int,
    intercept: bool,
    labels: NDArray[np.int8],
    n_threads: int,
) -> NDArray[np.int8]: ...
def separability_thresholds(
    vectors: _Array,
    first: Sequence[int],
    n_axes: int,
    intercept: bool,
    labels: NDArray[np.int8],
    key: int,
    n_threads: int,
    progress: _Progress,
) -> tuple[_Array, NDArray[np.bool_]]: ...
def draw_shots(
    key: int, class_number: int, n_points: int, n_shots: int, n_episodes: int, replace: bool = False
) -> NDArray[np.int32]: ...
def fewshot_errors(
    points: Sequence[_Array],
    numbers: Sequence[int],
    n_rows: int,
    rule: str,
    n_shots: int,
    n_episodes: int,
    disjoint: bool,
    correct_radius: bool,
    single: bool,
    beta: float,
    key: int,
    n_threads: int,
    progress: _Progress,
) -> tuple[_Array, _Array, float]: ...
def rising_order(values: _Array) -> NDArray[np.int32]: ...
def kendall_balances(
    row_ranks: Sequence[NDArray[np.int32]],
    row_orders: Sequence[NDArray[np.int32]],
    row_runs: Sequence[NDArray[np.int32]],
    column_ranks: Sequence[NDArray[np.int32]],
    column_orders: Sequence[NDArray[np.int32]],
    column_runs: Sequence[NDArray[np.int32]],
    where: NDArray[np.bool_],
    n_threads: int,
) -> NDArray[np.int64]: ...
def kendall_taus(
    balances: NDArray[np.int64], row_untied: Sequence[int], column_untied: Sequence[int], angular: bool
) -> _Array: ...
def transport(
    costs: _Array,
) -> tuple[NDArray[np.intp], NDArray[np.intp], _Array, float, float]: ...
def wide_gram(x: _Array, network: _Network, n_threads: int) -> _Array: ...
def wide_cross(x: _Array, z: _Array, network: _Network, n_threads: int) -> _Array: ...
def wide_diagonal(x: _Array, network: _Network) -> _Array: ...
