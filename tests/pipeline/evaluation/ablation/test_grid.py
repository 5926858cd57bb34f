"""Which combinations a grid makes, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from pipeline.config import TrainConfig
from pipeline.errors import InputError
from pipeline.evaluation.ablation.grid import combinations
from pipeline.params import load_section

PARAMS = Path(__file__).parents[4] / "params.yaml"
BASE = load_section("train", TrainConfig, path=PARAMS).model_copy(
    update={"cell": "lstm", "interaction": "social", "scene": True, "pooled_width": 32, "num_heads": 4}
)


def test_a_grid_is_every_combination_with_the_default_first() -> None:
    found = combinations(["cell=lstm,peephole", "interaction=none,social"], base=BASE)
    assert [each.name for each in found] == [
        "cell=lstm interaction=social",
        "cell=lstm interaction=none",
        "cell=peephole interaction=none",
        "cell=peephole interaction=social",
    ]
    assert [each.train for each in found] == [
        BASE.model_copy(update={"cell": cell, "interaction": interaction})
        for cell, interaction in (("lstm", "social"), ("lstm", "none"), ("peephole", "none"), ("peephole", "social"))
    ]


def test_without_the_default_the_first_of_the_grid_is_compared_with() -> None:
    found = combinations(["interaction=none,attention", "scene=false"], base=BASE)
    assert [each.name for each in found] == ["interaction=none scene=false", "interaction=attention scene=false"]


def test_one_by_one_is_the_default_and_what_differs_in_one_key() -> None:
    found = combinations(["cell=lstm,peephole", "interaction=none,attention", "dropout=0"], base=BASE, one_by_one=True)
    assert [each.name for each in found] == [
        "default", "cell=peephole", "interaction=none", "interaction=attention", "dropout=0.0",
    ]  # fmt: skip
    assert found[0].train == BASE
    assert found[4].train == BASE.model_copy(update={"dropout": 0.0})


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        (["cell=lstm,gru"], r"--vary cell=lstm,gru: train\.cell: input should be 'lstm' or 'peephole'"),
        (["colour=red"], r"--vary colour=red: train\.colour: extra inputs .* known keys are cell, interaction"),
        (["width=64,wide"], r"train\.width: input should be a valid integer"),
        (["scene=[true"], r"--vary scene=\[true: has the value '\[true', which is no YAML"),
        (["cell"], r"--vary cell: is not KEY=V1,V2"),
        (["cell="], r"--vary cell=: is not KEY=V1,V2"),
        (["seed=1,2"], r"--vary seed=1,2: is not varied here; .*--seeds"),
        (["cell=lstm,lstm"], "names a value twice"),
        (["cell=lstm", "cell=peephole"], "varies cell a second time"),
        (["cell=lstm"], "makes no combination to compare"),
        (
            ["interaction=none,attention", "num_heads=4,5"],
            r"cannot be \(interaction=attention num_heads=5: pooled_width \(32\) must be a multiple of .*\)",
        ),
    ],
)
def test_what_cannot_be_is_one_line(vary: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        combinations(vary, base=BASE)
    assert "\n" not in str(error.value)
