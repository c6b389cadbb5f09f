import numpy as np
import pytest
from spacy import registry

from music_ner.training.optimizer import create_adam

ENCODER, LAYER = (1, "encoder.layer.0.output.dense.weight"), (1, "W")
SETTINGS = {"learn_rate": 0.01, "L2": 0.1, "grad_clip": 1.0, "use_averages": False}


def trajectory(optimizer, key, n_steps=5):
    """RETURNS (np.ndarray): Weights after each step along random gradients, steps x weights."""
    random = np.random.default_rng(0)
    weights, steps = random.normal(size=12).astype("f"), []
    for _ in range(n_steps):
        weights, _ = optimizer(key, weights, random.normal(size=12).astype("f"))
        steps.append(weights.copy())
    return np.array(steps)


@pytest.mark.parametrize("key", [ENCODER, LAYER])
def test_with_a_scale_of_one_it_is_spacys_adam(key):
    ours = registry.optimizers.get("music_ner.Adam.v1")(encoder_scale=1.0, **SETTINGS)
    spacys = registry.optimizers.get("Adam.v1")(**SETTINGS)
    assert np.array_equal(trajectory(ours, key), trajectory(spacys, key))


def test_the_scale_is_a_learning_rate_for_the_encoder_and_leaves_other_layers_alone():
    ours = create_adam(encoder_scale=0.1, **SETTINGS)
    slow = registry.optimizers.get("Adam.v1")(**{**SETTINGS, "learn_rate": 0.001})
    fast = registry.optimizers.get("Adam.v1")(**SETTINGS)
    assert trajectory(ours, ENCODER) == pytest.approx(trajectory(slow, ENCODER), abs=1e-6)
    assert np.array_equal(trajectory(ours, LAYER), trajectory(fast, LAYER))


def test_both_rates_follow_the_schedule():
    optimizer = create_adam(iter([0.0, 1.0, 0.0]), 0.5, L2=0.0, grad_clip=0.0)
    moved = []
    for _ in range(3):
        for key in (ENCODER, LAYER):
            weights, _ = optimizer(key, np.zeros(1, "f"), np.ones(1, "f"))
            moved.append(abs(float(weights[0])))
        optimizer.step_schedules()
    assert moved == pytest.approx([0, 0, 0.5, 1, 0, 0], abs=1e-4)
