"""One store out of several that hold parts of the same sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accel_sim.errors import InputError
from accel_sim.files import write_atomically
from rl.sweeps.store import DONE, SPEC, Outcome, SweepStore

__all__ = ["merge_stores"]

_META = ("schema", "bitgrove", "title", "axes", "plan")


def merge_stores(sources: Sequence[Path], out: Path) -> SweepStore:
    """Bring the points of ``sources`` together in ``out`` (which may hold some already).

    A point that one store has computed and another has failed at counts as computed.

    Raises:
        InputError: a folder holds no sweep, or another one.
    """
    stores = [SweepStore(source) for source in sources]
    first = {name: stores[0].meta(name) for name in _META}
    for source, store in zip(sources, stores, strict=True):
        _check(source, {name: store.meta(name) for name in _META}, first, sources[0])
    merged = SweepStore(out, create=True)
    there = {name: merged.meta(name) for name in _META}
    if there["schema"] is not None:
        _check(out, there, first, sources[0])
    found: dict[int, tuple[str, dict[str, object], Outcome]] = {}
    for place, store in zip((*sources, out), (*stores, merged), strict=True):
        for key, axes, outcome in store.outcomes():
            known = found.get(outcome.number)
            if known is not None and known[0] != key:
                raise InputError(f"{place}: point {outcome.number} is another one than in {sources[0]}; not merged")
            if known is None or outcome.status == DONE:
                found[outcome.number] = key, axes, outcome
    spec = sources[0] / SPEC
    if spec.is_file():
        write_atomically(out / SPEC, spec.read_bytes())
    planned = (store.meta("planned") for store in (*stores, merged))
    merged.set_meta({**first, "planned": next((number for number in planned if number is not None), None)})
    merged.put(found.values())
    return merged


def _check(place: Path, meta: dict[str, object], first: dict[str, object], where: Path) -> None:
    differing = [name for name in _META if meta[name] != first[name]]
    if differing:
        raise InputError(f"{place}: holds another sweep than {where} ({', '.join(differing)} differ); not merged")
