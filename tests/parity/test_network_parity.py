"""The network computes what the original network computes, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mole_engine.nn import bert
from mole_engine.store.reference_weights import to_our_names, to_reference_names

if TYPE_CHECKING:
    from tests.parity.conftest import Golden

FORWARD = 2e-5
BACKWARD = 1e-4


@pytest.fixture(params=[True, False], ids=["packed", "padded"])
def packed(request: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways through the layers: without padding, as on a CPU, and with it, as on a GPU and in an export."""
    monkeypatch.setattr(bert, "PACKED", request.param)
    return bool(request.param)


def run(golden: Golden, with_gradient: bool) -> dict[str, Tensor]:
    """Run our network and note what the vectors hold; with and without gradients it uses different kernels."""
    model = golden.model()
    seen: dict[str, Tensor] = {}
    encoder = model.encoder

    def note(name: str, output: Tensor) -> None:
        if output.ndim == 2:
            whole = output.new_zeros(*golden.mask.shape, output.shape[-1])
            whole[golden.mask] = output
            output = whole
        seen[name] = output

    hooks = [encoder.embeddings.register_forward_hook(lambda _m, _i, output: note("embeddings", output))]
    for name, layer in zip(golden.layers, encoder.encoder.layers, strict=True):
        hooks.append(layer.register_forward_hook(lambda _m, _i, output, name=name: note(name, output)))
    with torch.set_grad_enabled(with_gradient):
        encoder(*golden.inputs)
        for hook in hooks:
            hook.remove()
        # What reads CLS alone leaves out parts of the last layer, so the logits come by themselves.
        seen["logits"] = model(*golden.inputs)
    return {name: value.detach() for name, value in seen.items()}


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("with_gradient", [True, False])
def test_every_state_and_the_logits_agree(golden: Golden, with_gradient: bool) -> None:
    seen = run(golden, with_gradient)
    for name in ("embeddings", *golden.layers):
        expected = golden.vectors[name]
        rows = golden.mask[: len(expected)]
        torch.testing.assert_close(
            seen[name][: len(expected)][rows], torch.from_numpy(expected)[rows], atol=FORWARD, rtol=0
        )
    last = seen[golden.layers[-1]]
    np.testing.assert_allclose(last[:, 0], golden.vectors["cls"], atol=FORWARD, rtol=0)
    np.testing.assert_allclose(seen["logits"], golden.vectors["logits"], atol=FORWARD, rtol=0)


def test_padding_embeds_to_zero(golden: Golden) -> None:
    assert not run(golden, with_gradient=False)["embeddings"][~golden.mask].any()


def test_relative_table_agrees(golden: Golden) -> None:
    table = golden.model().encoder.encoder.relative_table()
    np.testing.assert_allclose(table.detach(), golden.vectors["rel_embeddings_normed"], atol=FORWARD, rtol=0)


def test_losses_agree(golden: Golden) -> None:
    losses = golden.losses(golden.model()(*golden.inputs)).detach()
    expected = golden.vectors["loss_per_element"]
    np.testing.assert_allclose(losses, expected, atol=FORWARD, rtol=2e-6)
    assert float(losses.mean()) == pytest.approx(float(golden.vectors["loss_mean"]), rel=1e-6, abs=FORWARD)


@pytest.mark.usefixtures("packed")
def test_every_gradient_agrees(golden: Golden, evenly: Any) -> None:
    model = golden.model()
    golden.losses(model(*golden.inputs)).mean().backward()
    ours = to_reference_names({name: value.grad for name, value in model.named_parameters()}, golden.config.layers)
    expected = {key[5:]: value for key, value in golden.vectors.items() if key.startswith("grad.")}
    assert set(ours) == set(expected)
    # A gradient that cancels to nothing (a shift of all keys) is only rounding noise of the others.
    noise = 1e-7 * max(float(golden.vectors[f"largest.{name}"]) for name in expected)
    for name, values in expected.items():
        largest = float(golden.vectors[f"largest.{name}"])
        found = evenly(ours[name], values.size)
        difference = float((found - torch.from_numpy(values).reshape(-1)).abs().max())
        assert difference <= BACKWARD * largest + noise, name


def test_three_optimiser_steps_agree(trained_golden: Golden, evenly: Any) -> None:
    model, vectors = trained_golden.model(), trained_golden.vectors
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-6)
    norms = []
    for _ in range(3):
        optimiser.zero_grad()
        trained_golden.losses(model(*trained_golden.inputs)).mean().backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimiser.step()
    assert norms[0] == pytest.approx(float(vectors["adam_norm"]), rel=1e-4)
    with torch.no_grad():
        loss = float(trained_golden.losses(model(*trained_golden.inputs)).mean())
    assert loss == pytest.approx(float(vectors["adam_loss"]), rel=1e-5)
    state = to_reference_names(model.state_dict(), trained_golden.config.layers)
    for key, expected in vectors.items():
        if key.startswith("after."):
            found = evenly(state[key.removeprefix("after.")], expected.size)
            np.testing.assert_allclose(found, expected.reshape(-1), atol=FORWARD, rtol=0, err_msg=key)


def test_drawn_weights_are_those_of_the_original(trained_golden: Golden, evenly: Any) -> None:
    state = trained_golden.reference_state()
    for key, expected in trained_golden.vectors.items():
        if key.startswith("seed_check."):
            found = evenly(state[key.removeprefix("seed_check.")], expected.size)
            np.testing.assert_allclose(found, expected.reshape(-1), atol=1e-6, rtol=0)


def test_names_survive_the_round_trip(golden: Golden) -> None:
    state = golden.reference_state()
    tensors, report = to_our_names(state)
    again = to_reference_names(tensors, golden.config.layers)
    assert set(again) == set(state) == set(report.matched)
    assert report.has_head
    assert not report.unused
    assert all(torch.equal(again[name], value) for name, value in state.items())
