"""An optimizer with learning rates of their own for the encoder and for the new layers."""

from typing import Any

from thinc.optimizers import ADAM_DEFAULTS, FloatOrSeq, Optimizer
from thinc.types import FloatsXd


class TwoRateOptimizer(Optimizer):
    """thinc's optimizer, with another learning rate for the weights of a PyTorch model.

    `grad_factor` of a listener does not change the steps of the encoder, since Adam divides each
    gradient by its size.

    encoder_scale (float): Factor of learning rate and weight decay for the encoder's weights.
    learn_rate (FloatOrSeq): Learning rate of the other weights.
    **settings (Any): Further arguments of thinc's optimizer.
    """

    def __init__(self, learn_rate: FloatOrSeq, *, encoder_scale: float, **settings: Any):
        super().__init__(learn_rate, **settings)
        self.encoder_scale = encoder_scale

    def __call__(
        self,
        key: tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update weights (see thinc's `Optimizer`)."""
        if is_of_encoder(key):
            lr_scale *= self.encoder_scale
        return super().__call__(key, weights, gradient, lr_scale=lr_scale)


def is_of_encoder(key: tuple[int, str]) -> bool:
    """Tell the weights of an encoder from those of thinc's layers.

    PyTorch names a weight by its path in the model, and thinc by one word.

    key (tuple[int, str]): What thinc calls its optimizer with.
    RETURNS (bool): Whether the weights are the encoder's.

    >>> is_of_encoder((3, "encoder.layer.0.attention.self.query.weight"))
    True
    >>> is_of_encoder((3, "W"))
    False
    """
    return "." in key[1]


def create_adam(
    learn_rate: FloatOrSeq,
    encoder_scale: float,
    *,
    L2: FloatOrSeq = ADAM_DEFAULTS["L2"],  # noqa: N803 (thinc's names)
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = True,  # noqa: N803
    use_averages: bool = True,
) -> TwoRateOptimizer:
    """Create an Adam optimizer with another learning rate for the encoder.

    encoder_scale (float): The encoder's learning rate as a share of `learn_rate`. With 1.0 the
        optimizer does what `Adam.v1` does; the other arguments are those of `Adam.v1`.
    RETURNS (TwoRateOptimizer): The optimizer.
    """
    return TwoRateOptimizer(
        learn_rate,
        encoder_scale=encoder_scale,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )
