"""Policies: per layer a pruning algorithm, a ratio and bit widths; ranges and repairs for the whole network."""

from compress.policy.load import PolicyFile, check_policy, policy_yaml, read_policy
from compress.policy.schema import Block, LayerPolicy, NOfM, Policy, Quantization

__all__ = [
    "Block",
    "LayerPolicy",
    "NOfM",
    "Policy",
    "PolicyFile",
    "Quantization",
    "check_policy",
    "policy_yaml",
    "read_policy",
]
