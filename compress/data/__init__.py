"""Image data sets by name, as a model wants to see them."""

from compress.data.normalisation import Normalisation
from compress.data.specs import calibration_batch, open_images

__all__ = ["Normalisation", "calibration_batch", "open_images"]
