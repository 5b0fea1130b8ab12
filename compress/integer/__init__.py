"""Quantised networks executed with integers only, as the machine does; the fake-quantised ones are its approximation.

What the numbers are (grids and scales are those of :mod:`compress.quantization`):

* **Products.** Operands are the integers of the layer's ``input_grid`` and its ``weight_integers``; padding is the zero
  point. Accumulators are the plain sums of products ``Σ A·W``, two's complement of ``acc_bits``; one that does not fit
  is refused, not wrapped, for the machine's result would be wrong without a sign of it.
* **Requantisation** (Jacob et al., 2018): ``(accumulator · multiplier + offset) / 2^shift``, rounded half to even,
  clipped to the grid; multiplier and shift per output channel, the multiplier of up to 31 bits and a sign, the result
  before the shift of 64 bits. The offset holds the bias and ``-zero_point · Σ W``. The bias has the scale
  ``scale_a · scale_w / multiplier``: at ``scale_a · scale_w`` itself, products of few bits are coarser than the grid
  that reads them.
* **Between layers**, a product reads its input grid's integers, requantised from the accumulator itself where only
  clipping (ReLU, ReLU6) or maximum pooling stands in between; sums, concatenations, averages and tables read and write
  16 bits, symmetric, one scale per tensor, twice as wide as the range seen on calibration images. Sums align both
  operands to a scale with 8 more bits, as TFLite does with 20; averages are integer sums, their division part of the
  next requantisation; batch normalisation that could not be folded is a multiplier and an offset.
* **Tables**: sigmoid, GELU, softmax, layer normalisation and the like are no integer arithmetic on any machine. They
  read 16-bit integers and write 16-bit integers, and are computed in floating point in between.

Integer products are computed in float64, where sums below ``2^53`` are exact. What has no integer arithmetic (products
of two computed tensors, as in attention) is refused and named.
"""

from compress.integer.network import IntegerNetwork, IntegerRun, integer_network
from compress.integer.products import IntegerProduct, ProductRun

__all__ = ["IntegerNetwork", "IntegerProduct", "IntegerRun", "ProductRun", "integer_network"]
