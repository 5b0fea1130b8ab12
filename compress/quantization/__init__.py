"""Post-training quantization: float networks become networks of integers times scales, without training.

Conventions, which integer execution, export and the simulator share:

* Batch normalisation right behind a convolution or linear layer is folded into it (:mod:`compress.quantization.fold`);
  names of modules do not change.
* **Weights**: per output channel, symmetric, integers ``-(2^(b-1) - 1) … 2^(b-1) - 1``, no zero point. One bit: -1 and
  +1 times the channel's mean magnitude; zero where a mask says that the weight was pruned.
* **Activations**: what a layer reads, per tensor (:class:`compress.quantization.grid.Grid`). Where the layer graph says
  never negative: unsigned ``0 … 2^b - 1``, zero point 0. Else symmetric signed ``-(2^(b-1) - 1) … 2^(b-1) - 1``, zero
  point 0 (one bit: -1 and +1), or, with ``activation_symmetric: false``, unsigned ``0 … 2^b - 1`` with a zero point.
* An integer is ``clip(round(x / scale) + zero_point, low, high)``, halves to even as PyTorch and ONNX round; a value
  is ``scale · (integer - zero_point)``. All scales are float32 numbers.
* A layer computes ``scale_a · scale_w[n] · Σ_k (A[m,k] - zero_point) · W[k,n] + bias[n]``; padding is the zero
  point, so it adds nothing. Biases stay float here.
* Between layers values are float: a layer quantises what it reads, not what it writes. Sums of residual branches,
  pooling and activation functions work on float numbers.
* Every ``nn.Conv2d`` and ``nn.Linear`` that runs is quantised with its policy's widths. ``nn.MultiheadAttention`` of a
  tensor with itself is taken apart, so that its projections (``….in_proj``, ``….out_proj``) are quantised too;
  attention scores, their softmax and the weighted sums stay float.

Repairs need no labels and no training; each is a switch of ``policy.quantization``. They run the network once, next to
the float reference, and fit each layer behind the layers that are quantised already. ReLU6 is not homogeneous, so
equalisation leaves layers around it alone. The defaults (ranges of least squared error, least-squares reconstruction,
rounding with error feedback, bias correction) are the best of those tried on ResNet-20; AdaRound is as good to
within the noise of 5,000 images and takes half as long again. For a network whose pruned or rounded channels have
drifted far, add ``batch_norm_reestimation``.

:func:`quantize_model` does it all.
"""

from compress.quantization.fold import fold_batch_norms
from compress.quantization.grid import Grid
from compress.quantization.layers import FakeQuantConv2d, FakeQuantLinear
from compress.quantization.quantize import quantize_model
from compress.quantization.reference import Reference

__all__ = ["FakeQuantConv2d", "FakeQuantLinear", "Grid", "Reference", "fold_batch_norms", "quantize_model"]
