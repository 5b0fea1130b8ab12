"""Image data sets by name, in splits, as a model wants to see them.

``open_labelled(spec, split)`` is the entry; ``spec`` names the data set as ``--data`` does. A split is

* ``calibration``: training images; where a data set has none, the same images as ``search``;
* ``search``: the test images with an even index;
* ``report``: the test images with an odd index, which nothing is ever tuned on;
* ``test``: all test images.

What it returns, :class:`LabelledImages`, has ``size``, ``classes``, ``labels``; ``stratified(count, seed)`` and
``sample(count, seed)`` make smaller ones of it; ``inputs(model)`` and ``batches(model, batch)`` give tensors normalised
for a model::

    from compress.data import open_labelled

    images = open_labelled("cifar10:data/cifar", "search").stratified(1000, seed=0)
    for inputs, labels in images.batches(model, batch=100):
        ...
    calibration = open_labelled("cifar10:data/cifar", "calibration").stratified(256).inputs(model)

``compress.evaluate(model, images)`` measures accuracy.
"""

from compress.data.labelled import LabelledImages, Split
from compress.data.normalisation import Normalisation
from compress.data.specs import calibration_batch, open_images, open_labelled

__all__ = ["LabelledImages", "Normalisation", "Split", "calibration_batch", "open_images", "open_labelled"]
