"""Which version is the champion: one that beats the last one on the same agents, which training never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mlflow.tracking import MlflowClient

from pipeline.config import EvaluateConfig
from pipeline.drives.map import DriveMap
from pipeline.errors import InputError
from pipeline.evaluation.offroad import NO_MAPS
from pipeline.evaluation.report import COMPARED_SLICES, evaluate
from pipeline.tracking.fetch import fetched
from pipeline.tracking.registry import CHAMPION, NAME, champion_of, versions
from pipeline.tracking.store import UNREACHABLE, away, describe_uri, open_registry
from pipeline.training.bundle import Bundle, check_frames, load_bundle
from pipeline.training.predict import predict
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_extra, read_windows, windows_digest
from pipeline.windows.windows import Windows

METRIC: Final = "movers/ade_m"
_CANDIDATE, _AGAINST = "candidate", "champion"
_TAG: Final = "headway.promotion"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Candidate minus champion on the same agents.

    Attributes:
        metric: Slice and metric.
        candidate: The candidate's mean.
        champion: The champion's.
        difference: Of the means, over the agents that both have a value for.
        low: Lower end of its 95 % interval by bootstrap over tracks; None with fewer than two tracks.
        high: Upper end.
        num_tracks: Tracks that were compared.
        windows: Digest of the windows.
        higher_is_better: The metric is no error.
    """

    metric: str
    candidate: float
    champion: float
    difference: float
    low: float | None
    high: float | None
    num_tracks: int
    windows: str
    higher_is_better: bool

    @property
    def is_better(self) -> bool:
        """The whole interval lies on the candidate's side of zero."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0.0 if self.higher_is_better else self.high < 0.0

    @property
    def interval(self) -> str:
        """``[-0.217, -0.193]``."""
        return "no interval" if self.low is None or self.high is None else f"[{self.low:.4g}, {self.high:.4g}]"

    def __str__(self) -> str:
        """What was measured, as it follows a colon."""
        means = f"{self.metric} {self.candidate:.4g} against {self.champion:.4g}"
        return f"{means}, difference {self.difference:.4g} {self.interval} over {self.num_tracks} tracks"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What became of a version.

    Attributes:
        version: The one in question.
        is_champion: It is the champion now (of a dry run: would be).
        line: What was decided and why, for people.
        notes: What they should know of the comparison.
    """

    version: int
    is_champion: bool
    line: str
    notes: tuple[str, ...] = ()


def promote(
    windows: Path,
    *,
    config: EvaluateConfig,
    version: int | None = None,
    name: str = NAME,
    metric: str = METRIC,
    maps: Mapping[str, DriveMap] = NO_MAPS,
    dry_run: bool = False,
) -> Decision:
    """Give a version the alias ``champion`` if it beats the champion, and write onto the version what was decided.

    Both models forecast the test split of the same windows. The candidate is better where the whole 95 % interval of
    the paired difference, by bootstrap over tracks, is on its side of zero. Where there is no champion it becomes it
    without a comparison.

    Args:
        windows: Folder of the windows stage.
        config: The section ``evaluate``.
        version: The candidate; by default the newest version.
        name: Of the registered model.
        metric: Slice and metric, as in the report's ``difference``.
        maps: By drive name; for the off-road rates.
        dry_run: Only say it.

    Raises:
        InputError: There is no such version or metric, a model does not fit the windows, or the registry cannot be
            used.
    """
    _check_slice(metric)
    try:
        client = open_registry()
        candidate, champion = _contestants(client, name, version=version)
        if candidate == champion:
            return Decision(version=candidate, is_champion=True, line=f"{name}/{candidate} is the champion already")
        found, notes = None, ()
        with fetched(f"models:/{name}/{candidate}") as (folder, _):
            bundle = load_bundle(folder)  # a champion must be a model that can be used
        if champion is not None:
            with fetched(f"models:/{name}/{champion}") as (folder, _):
                bundles = {f"{name}/{candidate}": bundle, f"{name}/{champion}": load_bundle(folder)}
            found, notes = _compare(windows, bundles, metric=metric, config=config, maps=maps)
        decision = _decide(name, candidate, champion, found=found, notes=notes, dry_run=dry_run)
        if not dry_run:
            against = "" if champion is None else f"{name}/{champion}"
            for key, value in _tags(decision, found, against=against).items():
                client.set_model_version_tag(name, str(candidate), f"{_TAG}.{key}", value)
            if decision.is_champion:
                client.set_registered_model_alias(name, CHAMPION, str(candidate))
    except UNREACHABLE as error:
        raise away(error) from error
    return decision


def _check_slice(metric: str) -> None:
    part, slash, rest = metric.partition("/")
    if part not in COMPARED_SLICES or not slash or not rest:
        todo = f"write a slice ({', '.join(COMPARED_SLICES)}), a slash and a metric, such as {METRIC}"
        raise InputError(f"--metric {metric}", "is no metric that is compared", todo)


def _contestants(client: MlflowClient, name: str, *, version: int | None) -> tuple[int, int | None]:
    """The candidate's version and the champion's."""
    there = versions(client, name)
    if not there:
        what = f"is no model in the registry at {describe_uri()}"
        raise InputError(name, what, "register one with: dvc repro publish")
    if version is not None and version not in there:
        raise InputError(f"{name}/{version}", "is not in the registry", f"the newest version is {there[-1]}")
    return version or there[-1], champion_of(client, name)


def _compare(
    folder: Path,
    bundles: Mapping[str, Bundle],
    *,
    metric: str,
    config: EvaluateConfig,
    maps: Mapping[str, DriveMap],
) -> tuple[Comparison, tuple[str, ...]]:
    """The first bundle, the candidate, beside the second one on the test split."""
    windows = read_windows(folder)
    made_by = str(read_extra(folder).get("backbone", ""))
    data = windows_digest(folder)
    notes: list[str] = []
    for name, bundle in bundles.items():
        _check_fits(bundle, windows, name=name, where=folder, made_by=made_by)
        if bundle.meta.get("data") != data:
            notes.append(f"{name} was trained on other windows: that it never saw these test drives is not known")
    scenes = scenes_of(windows, "test")
    if not len(scenes):
        raise InputError(folder, "has no scene in the test split", "add drives, or give other windows")
    test = select_scenes(windows, scenes)
    forecasts = {
        role: predict(bundle.model, test) for role, bundle in zip((_CANDIDATE, _AGAINST), bundles.values(), strict=True)
    }
    report = evaluate(forecasts, test, config=config, overlaps=metric.endswith("/overlap_rate"), maps=maps)
    return _found(report, metric=metric, windows=data), tuple(notes)


def _check_fits(bundle: Bundle, windows: Windows, *, name: str, where: Path, made_by: str) -> None:
    """Refuse windows that the model would read as something else than what it was trained on."""
    config, observed = bundle.model.config, windows.observed
    pairs = {
        "rate": (windows.rate_hz, config.rate_hz),
        "observed steps": (observed.valid.shape[1], bundle.windows.num_observed),
        "future steps": (windows.future.valid.shape[1], config.num_future),
    }
    if config.scene:
        pairs["frames"] = (observed.agent_feature_valid.shape[1], bundle.windows.num_frames)
        pairs["scene channels"] = (observed.agent_feature.shape[-1], config.scene_channels)
    todo = f"give --windows that fit both models, or take the alias {CHAMPION} away by hand (mlflow ui)"
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise InputError(where, f"do not fit {name}: {what} {ours:g}, but it was trained for {theirs:g}", todo)
    check_frames(bundle, made_by=made_by, where=where, name=name, todo=todo)


def _found(report: Mapping[str, Any], *, metric: str, windows: str) -> Comparison:
    part, _, key = metric.partition("/")
    cell = report["difference"].get(f"{_CANDIDATE}_minus_{_AGAINST}", {}).get(part, {})
    if key not in cell or key.startswith("num_") or key.endswith(("_low", "_high")):
        names = [each for each in cell if f"{each}_low" in cell]
        told = f"choose of {', '.join(names)}" if names else "give windows with more of them"
        raise InputError(f"--metric {metric}", "cannot be compared on these windows", told)
    return Comparison(
        metric=metric,
        candidate=report[_CANDIDATE][part][key],
        champion=report[_AGAINST][part][key],
        difference=cell[key],
        low=cell.get(f"{key}_low"),
        high=cell.get(f"{key}_high"),
        num_tracks=cell["num_tracks"],
        windows=windows,
        higher_is_better=key.endswith("macro_f1"),
    )


def _decide(
    name: str,
    candidate: int,
    champion: int | None,
    *,
    found: Comparison | None,
    notes: tuple[str, ...],
    dry_run: bool,
) -> Decision:
    """The decision, and how it is told."""
    is_champion = found is None or found.is_better
    becomes = f"{name}/{candidate} {'would be' if dry_run else 'is now'} the champion"
    if found is None:
        line = f"{becomes}; there was none, so it was compared with nothing"
    elif is_champion:
        line = f"{becomes} in place of {name}/{champion}: {found}"
    else:
        side = "above" if found.higher_is_better else "below"
        why = f"the whole 95 % interval would have to lie {side} zero"
        line = f"{name}/{candidate} does not beat the champion {name}/{champion}: {found}; {why}"
    return Decision(version=candidate, is_champion=is_champion, line=line, notes=notes)


def _tags(decision: Decision, found: Comparison | None, *, against: str) -> dict[str, str]:
    """What a version tells of the decision; the last one replaces what was told of earlier ones."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": "champion" if decision.is_champion else "not better",
        "against": against or "none",
        "metric": found.metric if found else "none",
        "difference": f"{found.difference:.5g}" if found else "none",
        "interval": found.interval if found else "none",
        "tracks": str(found.num_tracks) if found else "none",
        "windows": found.windows if found else "none",
        "notes": "; ".join(decision.notes) or "none",
    }
