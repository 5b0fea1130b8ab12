"""What a search leaves in its folder besides its store."""

from __future__ import annotations

import json
from pathlib import Path

from accel_sim.files import write_atomically
from accel_sim.plots.write import write_figures
from compress.policy.load import policy_yaml
from rl.outputs import csv_text
from rl.plots.front import pareto_front
from rl.plots.history import reward_history
from rl.plots.policy import policy_chart
from rl.runs.result import SearchResult
from rl.runs.summary import history_rows

__all__ = ["EPISODES", "POLICY", "SUMMARY", "write_results"]

POLICY, SUMMARY, EPISODES = "policy.yaml", "summary.json", "episodes.csv"


def write_results(result: SearchResult, directory: Path) -> list[Path]:
    """The winner's policy, the summary, a line per policy, and pictures; each file complete or not at all."""
    policy = result.problem.space.policy(result.winner.outcome.candidate)
    rows = history_rows(result.outcomes)
    written = {
        POLICY: policy_yaml(policy),
        SUMMARY: json.dumps(result.summary, indent=1) + "\n",
        EPISODES: csv_text(rows),
    }
    for name, text in written.items():
        write_atomically(directory / name, text.encode())
    pictures = {
        "pareto": lambda: pareto_front(result),
        "policy": lambda: policy_chart(result),
        "history": lambda: reward_history(result),
    }
    return [*(directory / name for name in written), *write_figures(pictures, directory)]
