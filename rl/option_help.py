"""Help texts that several commands share."""

__all__ = ["DATA_KINDS", "UNCERTAINTY", "WEIGHTS"]

DATA_KINDS = (
    "digits, cifar10:ROOT, cifar100:ROOT (torchvision as ROOT: fetched on first use), imagenet-compat:ROOT,"
    " imagenet-compat-crop:ROOT, imagefolder:ROOT or fake:CLASSESxCxHxW"
)
"""Data sets, as :data:`compress.data.specs.DATA_FORMS` has them; repeated, since that module imports PyTorch."""
UNCERTAINTY = "Draw the energy constants N times from their ranges, and show how sure the energies are."
WEIGHTS = (
    "Weights of the model: safetensors, a state dict, or the word torchvision for the published weights of"
    " torchvision:NAME, fetched on first use."
)
