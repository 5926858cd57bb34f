"""One case: a broken drive and an untouched one through the commands, and what may come of it."""

from __future__ import annotations

import os
import shutil
import stat
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from pipeline.drives.drive import Drive
from pipeline.drives.found import find_all
from pipeline.drives.registry import read_drive
from pipeline.errors import one_line
from pipeline.ingest.store import read_clean
from tests.small_drives import write_small_drive
from tests.stress.commands import check_faults, ingest, score_faults
from tests.stress.damage import KINDS, Hit, Kind, Means
from tests.stress.damage.kinds import is_small
from tests.stress.damage.text import TABLES, changed_lines
from tests.stress.folders import inside, outputs, remove, snapshot
from tests.stress.memory import peak_bytes, reset_peak
from tests.stress.plan import Case
from tests.stress.pristine import Pristine, write_pristine
from tests.stress.sound import check_clean, check_drive, check_untouched
from tests.stress.spy import Spy

Outcome: TypeAlias = Literal["refused", "partial", "unchanged", "failed"]
MOST_BYTES: Final = 1_500_000_000  # that a broken drive may take beyond what its process took before
_RAW, _OUT, _SCORED, _UNTOUCHED = Path("raw"), Path("out"), Path("scored"), Path("raw/untouched")
_ENDINGS: Final = (".parquet", ".steps.parquet", ".frames.parquet", ".map.parquet", ".report.json")
_FEW: Final = 3  # records: a drive is not refused because of them
_NOBODY: Final = 65534


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of a case.

    Attributes:
        outcome: ``refused`` by a named error; ``partial``, read with something reported or different; ``unchanged``;
            ``failed``: anything else.
        told: The error, or what was left out, or what went wrong.
        hits: What was broken, for people.
    """

    outcome: Outcome
    told: str
    hits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reference:
    """What comes of a drive while it is whole."""

    drive: Drive
    outputs: Mapping[str, bytes]


class Bench:
    """Everything that cases share: valid drives, what comes of them, a folder to work in, the spy."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._root = folder, folder / "case"
        self._spy = Spy()
        self._pristine: Mapping[str, Pristine] = write_pristine(folder / "pristine")
        self._whole = write_small_drive(folder / "untouched", seconds=2.0, with_frames=False)
        self._references: dict[str, _Reference] = {}

    @cached_property
    def _model(self) -> Path:
        from pipeline.training.bundle import write_bundle  # noqa: PLC0415  # torch takes seconds to import
        from tests.tiny_bundle import make_bundle  # noqa: PLC0415

        write_bundle(self._folder / "model", make_bundle())
        return self._folder / "model"

    @cached_property
    def _scored(self) -> bytes:
        """The forecasts of the untouched drive."""
        root = self._folder / "whole"
        shutil.copytree(self._whole, root / _UNTOUCHED)
        with inside(root):
            faults = score_faults(_RAW, out=_SCORED, model=self._model, drives=["untouched"], rejected={})
            assert not faults, faults
        return (root / _SCORED / "untouched.parquet").read_bytes()

    def run(self, case: Case) -> Result:
        """Run a case; whatever goes wrong is told in the result."""
        hits: list[Hit] = []
        told: list[str] = []
        try:
            reference = self._reference(case.format)
            self._set_up(case.format)
            self._damage(case, hits, told)
            result = self._judge(case, hits=hits, reference=reference)
        except Exception:  # noqa: BLE001  # it is what is looked for
            result = Result(outcome="failed", told=traceback.format_exc(limit=-10))
        finally:
            remove(self._root)
        return Result(outcome=result.outcome, told=result.told, hits=tuple(told))

    def _reference(self, name: str) -> _Reference:
        """What comes of a format's drive while it is whole. This also imports all that is imported on the way."""
        if name not in self._references:
            self._set_up(name)
            with inside(self._root):
                said, drives, rejected = ingest(_RAW, _OUT)
                faults = said.faults() + check_faults(_RAW, drives=drives, rejected=rejected)
                assert not faults, faults
                assert not rejected, rejected
                ((_, drive),) = _read(drives).items()
                self._references[name] = _Reference(drive=drive, outputs=outputs(_OUT))
            remove(self._root)
        return self._references[name]

    def _set_up(self, name: str) -> None:
        outside = self._root / "outside"
        outside.mkdir(parents=True)
        self._root.chmod(0o777)
        for ending in ("", ".txt", ".csv", ".json", ".jpg", ".xml"):
            (outside / f"secret{ending}").write_text("secret\n")
        shutil.copytree(self._pristine[name].folder, self._root / _RAW / "damaged")
        shutil.copytree(self._whole, self._root / _UNTOUCHED)

    def _damage(self, case: Case, hits: list[Hit], told: list[str]) -> None:
        drive = self._root / _RAW / "damaged"
        for damage in case.damages:
            rng = np.random.default_rng(damage.seed)
            groups = KINDS[damage.kind].victims(drive) if drive.is_dir() and not drive.is_symlink() else []
            if not groups:
                told.append(f"{damage.kind}: nothing is left to break")
                continue
            group = groups[int(rng.integers(len(groups)))]
            victim = group[int(rng.integers(len(group)))]
            records = self._pristine[case.format].records
            means = Means(rng=rng, value=damage.value, outside=self._root / "outside", records=records)
            hits.append(_inflict(KINDS[damage.kind], victim, means))
            told.append(one_line(f"{damage.kind}: {victim.relative_to(self._root / _RAW)}: {hits[-1].told}"))

    def _judge(self, case: Case, *, hits: Sequence[Hit], reference: _Reference) -> Result:
        root, was = self._root, reference.outputs
        before = snapshot(root)
        reset_peak()
        start = peak_bytes()
        with inside(root), _as_nobody(case):
            with self._spy.watching(root / _OUT, root / f".{_OUT}.") as ingesting:
                said, drives, rejected = ingest(_RAW, _OUT)
            with self._spy.watching() as checking:
                faults = said.faults() + check_faults(_RAW, drives=drives, rejected=rejected)
            read = _read(drives)
        grown = peak_bytes() - start
        now = outputs(root / _OUT)
        faults += [f"wrote or started: {one}" for one in (*ingesting, *checking)]
        faults += [f"{grown / 1e6:.0f} MB of memory"] if grown > MOST_BYTES else []
        faults += [f"the other drive differs: {name}" for name in was if _is_other(name) and was[name] != now.get(name)]
        expected = {f"{name}{ending}" for name in drives for ending in _ENDINGS}
        faults += [f"missing or too many: {name}" for name in now.keys() ^ expected]
        if case.scored and not _needs_nobody(case):
            faults += self._score(drives, rejected)
        after = snapshot(root, but=(_OUT.name, _SCORED.name))
        faults += [f"changed outside: {path}" for path in before | after if before.get(path) != after.get(path)]
        about = [line.removeprefix("headway: ") for line in said.lines]
        touched = [hit.num_records for hit in hits]
        if not read and None not in touched and sum(number or 0 for number in touched) <= _FEW:
            faults.append(f"refused for no more than {touched} records: {said.lines}")
        if not read and not rejected:
            faults.append(f"the drive is passed over without a word: {said}")
        if faults:
            return Result(outcome="failed", told="\n".join(faults))
        for drive in read.values() if len(read) + len(rejected) == 1 else ():
            if drive.format == reference.drive.format:
                check_untouched(drive, reference=reference.drive, hits=hits)
        dropped = [entry for drive in read.values() for entry in drive.dropped]
        about += [f"{entry.where}: {entry.reason} ({entry.count})" for entry in dropped]
        outcome: Outcome = "refused" if not read else "unchanged" if now == was and not about else "partial"
        return Result(outcome=outcome, told=one_line("; ".join(about)))

    def _score(self, drives: list[str], rejected: Mapping[str, str]) -> list[str]:
        was = self._scored
        with inside(self._root), self._spy.watching(self._root / _SCORED) as scoring:
            faults = score_faults(_RAW, out=_SCORED, model=self._model, drives=drives, rejected=rejected)
        if not faults and (self._root / _SCORED / "untouched.parquet").read_bytes() != was:
            faults.append("the other drive's forecasts differ")
        return faults + [f"wrote or started: {one}" for one in scoring]


def _read(drives: Sequence[str]) -> dict[str, Drive]:
    """The drives that were ingested, but for the untouched one, if they are sound."""
    read: dict[str, Drive] = {}
    for ref in find_all([_RAW]).refs:
        if ref.name in drives and ref.path != _UNTOUCHED:
            read[ref.name] = read_drive(ref)
            check_drive(read[ref.name])
            check_clean(read_clean(_OUT, ref.name))
    return read


def _inflict(kind: Kind, victim: Path, means: Means) -> Hit:
    """Break a file. In a table of agents' measurements, the lines that differ tell how many were touched."""
    header = means.record_depth(victim)
    before = victim.read_bytes() if header is not None and victim.suffix in TABLES else None
    hit = kind.inflict(victim, means)
    if before is None or header is None or not is_small(victim) or not victim.stat().st_mode & stat.S_IRUSR:
        return hit
    lines = changed_lines(before, victim.read_bytes(), header=header)
    return replace(hit, num_records=lines, num_rows=lines)


def _is_other(name: str) -> bool:
    return name.startswith("untouched.")


def _needs_nobody(case: Case) -> bool:
    return os.geteuid() == 0 and any(damage.kind.startswith("unreadable") for damage in case.damages)


@contextmanager
def _as_nobody(case: Case) -> Iterator[None]:
    """The administrator may read everything: where that matters, the work is done as someone else."""
    if not _needs_nobody(case):
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
