"""Sweeps: a specification becomes points, points become results in a store, the store is analysed.

``spec`` reads the YAML; ``axes`` expands it; ``plan`` gives every point its machine, its model and its key; ``run``
computes on processes or a cluster (``worker``) what ``store`` lacks; ``analysis`` and ``view`` say what came out.
"""
