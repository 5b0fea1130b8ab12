"""The learners of the search: one replay, DDPG for continuous actions, Rainbow for discrete ones, and both joined.

:class:`rl.agents.composite.CompositeAgent` is what the search uses; :mod:`rl.agents.config` needs no torch.
"""
