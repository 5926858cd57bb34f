"""What to break, drawn by hypothesis and told on one line, so that each case can be run again by itself."""

from __future__ import annotations

import json
import math
import random
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import hypothesis
from hypothesis import strategies as st

Value: TypeAlias = "str | int | float | bool | list[Any] | dict[str, Any] | None"

# What a cell or a key may hold where nobody expects it.
NASTY: Final[tuple[Value, ...]] = (
    *("", " ", "nan", "NaN", "inf", "-Infinity", "1e400", "-1e400", "-1", "0", "-0.0", "1e-320", "null", "None"),
    *(str(2**70), str(-(2**63) - 1), "9" * 400, "0x10", "1_000", "1,5", "1;5", " 7 ", "1 2", "½", "²", "٣", "true"),
    *("../../outside/secret.jpg", "../untouched/tracks.csv", "/etc/hostname", "C:\\boot.ini", "..", ".", "~", "a/../b"),
    *("a\nb", "a\rb", "a\x1b[2Jb", "a\0b", "\ufeff", "\u202e", "'", '"', "{}", "[", "%s", "=1+1", "ego", "untouched"),
    *(None, True, False, [], {}, [[]], [1], {"a": []}),
    *(-1, 0, 1, 255, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**70, -(2**70), 10**300),
    *(1e308, -1e308, 5e-324, 1e20, 1e9, math.nan, math.inf, -math.inf, 0.5),
)
_SCORED_EVERY: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """One thing that is broken.

    Attributes:
        kind: A name of ``tests.stress.damage.KINDS``.
        seed: Chooses the file and the place in it.
        value: What is written there, where the kind writes something.
    """

    kind: str
    seed: int
    value: Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A valid drive of a format, and what is broken in it, one after the other.

    Attributes:
        format: A name of ``write_pristine``.
        damages: In their order.
        scored: It goes through ``headway score`` too.
    """

    format: str
    damages: tuple[Damage, ...]
    scored: bool = False

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def command(self) -> str:
        """What runs it again."""
        return f"python -m tests.stress --case {shlex.quote(str(self))}"

    @staticmethod
    def parse(text: str) -> Case:
        """The case that ``str`` told."""
        told = json.loads(text)
        return Case(**told | {"damages": tuple(Damage(**damage) for damage in told["damages"])})


def values() -> st.SearchStrategy[Value]:
    """Absurd values, from the list and of hypothesis' own invention."""
    plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=60)
    flat = st.text(max_size=5)
    nested = st.recursive(plain, lambda of: st.lists(of, max_size=3) | st.dictionaries(flat, of, max_size=3))
    return st.sampled_from(NASTY) | plain | nested


def cases(kinds: Mapping[str, Sequence[str]], *, count: int, seed: int) -> list[Case]:
    """Cases that take the formats in turn, and in each format the kinds; a third of them break more than one thing.

    Args:
        kinds: By format, the kinds that can befall its files.
        count: How many.
        seed: Of everything; the same gives the same cases.
    """
    drawn: list[tuple[Value, ...]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.tuples(values(), values(), values()))
    def draw(some: tuple[Value, ...]) -> None:
        drawn.append(some)

    draw()
    names, made = sorted(kinds), list[Case]()
    for number, some in enumerate(drawn):
        rng = random.Random(f"{seed}/{number}")
        turn, place = divmod(number, len(names))
        of = kinds[names[place]]
        # Formats start at different kinds, so that few cases meet many kinds.
        first = of[(turn + len(of) * place // len(names)) % len(of)]
        chosen = [first, *rng.choices(of, k=rng.choice((0, 0, 0, 0, 1, 2)))]
        damages = [
            Damage(kind=kind, seed=rng.getrandbits(32), value=value) for kind, value in zip(chosen, some, strict=False)
        ]
        made.append(Case(format=names[place], damages=tuple(damages), scored=number % _SCORED_EVERY == 0))
    return made
