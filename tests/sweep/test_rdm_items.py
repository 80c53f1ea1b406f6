"""Measured RDMs are items of a sweep, as they are of a comparison in memory."""

import neurogeom as ng
import numpy as np
import pytest

pytest.importorskip("zarr")


def layers_and_rdms():
    rng = np.random.default_rng(3)
    layers = {f"layer {k}": rng.normal(size=(9, 5 + k)) for k in range(4)}
    rdms = {f"subject {k}": ng.RDM(rng.uniform(0.1, 2.0, size=36)) for k in range(3)}
    return layers, rdms


def test_layers_with_measured_rdms(tmp_path):
    layers, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    ng.sweep.plan(layers, ["rsa"], others=rdms, store=store, tile=2)
    assert ng.sweep.run(store).is_complete
    found = ng.sweep.open(store)["rsa"]
    expected = ng.pairwise(layers, "rsa", others=rdms)
    assert found.values.tobytes() == expected.values.tobytes()
    assert found.column_names.tolist() == list(rdms)
    assert ng.sweep.verify(store).is_sound


def test_measured_rdms_among_themselves_with_a_null(tmp_path):
    _, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    ng.sweep.plan(rdms, "rsa", store=store, null=19)
    ng.sweep.run(store)
    found = ng.sweep.open(store)
    assert found.condensed.tobytes() == ng.pairwise(rdms, "rsa").condensed.tobytes()
    counts = found.p_value[np.triu_indices(3, 1)] * 20
    np.testing.assert_allclose(counts, counts.round(), atol=1e-12)
    assert (counts >= 1 - 1e-12).all()


def test_another_rdm_is_another_plan(tmp_path):
    layers, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    ng.sweep.plan(layers, "rsa", others=rdms, store=store, tile=2)
    ng.sweep.plan(layers, "rsa", others=rdms, store=store)  # the same is taken up
    values = rdms["subject 1"].condensed.copy()
    values[7] = np.nextafter(values[7], 3.0)
    with pytest.raises(ng.sweep.SweepError, match="items"):
        ng.sweep.plan(layers, "rsa", others={**rdms, "subject 1": ng.RDM(values)}, store=store)
