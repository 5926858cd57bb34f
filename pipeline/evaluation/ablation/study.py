"""All trainings of an ablation, and what comes out of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from pipeline.evaluation.ablation.child import Child, Plan, held_out_scenes, shown_slices, train_and_judge
from pipeline.evaluation.ablation.grid import Combination
from pipeline.evaluation.ablation.judged import compare, join
from pipeline.parallel import in_processes
from pipeline.progress import track

Results = dict[str, Any]


def train_all(
    plan: Plan,
    *,
    combinations: Sequence[Combination],
    seeds: Sequence[int],
    on_child: Callable[[Child], None],
    num_processes: int | None = None,
) -> list[Child]:
    """Train and judge every combination with every seed, several at once, each on one thread.

    Args:
        plan: What they share.
        combinations: To train.
        seeds: One training of each combination with each.
        on_child: Called with each as it is done.
        num_processes: At most this many at once; as many as there are processors by default.

    Raises:
        InputError: The windows cannot be read or trained on.
    """
    jobs = [(combination, seed) for seed in seeds for combination in combinations]
    children: list[Child] = []
    work = partial(train_and_judge, plan=plan)
    with closing(in_processes(work, jobs, alone_s=0.0, num_processes=num_processes)) as done:
        for _, child in track(done, total=len(jobs), description="combinations and seeds"):
            on_child(child)
            children.append(child)
    return children


def summarise(children: Sequence[Child], *, combinations: Sequence[Combination], plan: Plan) -> Results:
    """The content of ``results.json``.

    Args:
        children: Of every combination with the same seeds, in any order.
        combinations: The first is the one that all others are compared with.
        plan: What they share.

    Returns:
        ``combinations``: by name, ``changes``, ``num_parameters``, ``train_minutes`` (mean over seeds; null where none
        was counted), ``best_epochs``, ``test`` (as ``judged.compare`` has it, over all seeds together) and ``by_seed``
        (slice -> metric -> its value for each seed). Beside it ``reference``, ``seeds`` and ``parameters``.
    """
    test = held_out_scenes(plan)
    seeds = sorted({child.seed for child in children})
    # Every seed is one more copy of the test scenes: same tracks, so the bootstrap takes or leaves them together.
    masks = {part: np.tile(mask, len(seeds)) for part, mask in shown_slices(test, config=plan.evaluate).items()}
    tracks = np.tile(test.index.track, len(seeds))
    found: dict[str, Results] = {}
    reference = None
    for combination in track(combinations, total=len(combinations), description="comparing"):
        own = sorted((each for each in children if each.combination == combination), key=lambda each: each.seed)
        judged = join([each.judged for each in own])
        minutes = [each.minutes for each in own if each.minutes is not None]
        found[combination.name] = {
            "changes": dict(combination.changes),
            "num_parameters": own[0].num_parameters,
            "train_minutes": float(np.mean(minutes)) if minutes else None,
            "best_epochs": [each.best_epoch for each in own],
            "test": compare(judged, reference, masks=masks, track=tracks, config=plan.evaluate),
            "by_seed": _by_seed(own),
        }
        reference = reference or judged
    return {
        "reference": combinations[0].name,
        "seeds": seeds,
        "parameters": plan.recipe.params() | {"evaluate": plan.evaluate.model_dump()},
        "combinations": found,
    }


def _by_seed(children: Sequence[Child]) -> Mapping[str, Mapping[str, Sequence[float]]]:
    return {
        part: {metric: [each.test[part][metric] for each in children] for metric in metrics}
        for part, metrics in children[0].test.items()
    }
