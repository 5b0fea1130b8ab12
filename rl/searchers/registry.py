"""All searchers by the name that ``--agent`` takes; a new one is a line here and a function in a file of its own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import suggestion

if TYPE_CHECKING:
    from rl.searchers.protocol import Searcher

__all__ = ["SEARCHERS", "SearcherEntry", "check_agent", "find_searcher"]


@dataclass(frozen=True)
class SearcherEntry:
    """Where a searcher lives, ``module:function``, and what it is in a few words."""

    target: str
    summary: str


SEARCHERS: dict[str, SearcherEntry] = {
    "composite": SearcherEntry(
        "rl.searchers.learning:composite", "DDPG picks ratio and widths, Rainbow the algorithm; warm start"
    ),
    "composite_alone": SearcherEntry(
        "rl.searchers.learning:composite_alone", "the same agents from nothing, deciding every layer"
    ),
    "ddpg": SearcherEntry("rl.searchers.learning:ddpg_fixed", "as composite, with one fixed algorithm"),
    "knapsack": SearcherEntry(
        "rl.baselines.sensitivity_knapsack:sensitivity_knapsack", "sensitivity table and multiple-choice knapsack"
    ),
    "hill_climbing": SearcherEntry("rl.baselines.local_search:hill_climbing", "small moves, only up; warm start"),
    "annealing": SearcherEntry("rl.baselines.local_search:simulated_annealing", "small moves, cooling; warm start"),
    "tpe": SearcherEntry("rl.baselines.optuna_search:tpe", "Optuna's TPE; warm start"),
    "nsga2": SearcherEntry("rl.baselines.optuna_search:nsga2", "Optuna's NSGA-II; warm start"),
    "quantization_only": SearcherEntry("rl.baselines.local_search:quantization_only", "widths alone, by hill climbing"),
    "pruning_only": SearcherEntry("rl.baselines.local_search:pruning_only", "8 bits, pruning alone, by hill climbing"),
    "random": SearcherEntry("rl.baselines.random_search:random_search", "everything drawn anew"),
    "uniform": SearcherEntry("rl.baselines.uniform:uniform", "8, 6 and 4 bits everywhere"),
}


def check_agent(name: str) -> None:
    """Make sure that there is a searcher of that name; nothing is imported.

    Raises:
        InputError: there is none; the line names the nearest.
    """
    if name not in SEARCHERS:
        hint = suggestion(name, SEARCHERS)
        raise InputError(f"--agent: holds {name!r}; {hint + '; ' if hint else ''}allowed: {', '.join(SEARCHERS)}")


def find_searcher(name: str) -> Searcher:
    """The searcher of a name.

    Raises:
        InputError: there is none, or what it needs is not installed.
    """
    check_agent(name)
    module, _, function = SEARCHERS[name].target.partition(":")
    try:
        return cast("Searcher", getattr(importlib.import_module(module), function))
    except ImportError as error:
        raise InputError(f"--agent: {name} needs {error.name}; pip install 'bitgrove[search]'") from error
