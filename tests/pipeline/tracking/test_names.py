"""Flat names for nested values."""

from pipeline.tracking.names import clean_name, flatten_numbers, flatten_texts


def test_numbers_are_kept_under_nested_names_and_nothing_else_is() -> None:
    values = {
        "social lstm": {"movers": {"ade_m": 1, "note": "text", "none": None, "is_best": True}},
        "horizon": [0.5, {"fde_m": 2.5}],
    }
    assert flatten_numbers(values, prefix="test") == {
        "test/social_lstm/movers/ade_m": 1.0,
        "test/horizon/0": 0.5,
        "test/horizon/1/fde_m": 2.5,
    }


def test_settings_become_texts() -> None:
    values = {"train": {"scene": True, "weights": None}, "seed": 3}
    assert flatten_texts(values) == {"train.scene": "True", "train.weights": "None", "seed": "3"}


def test_names_are_what_mlflow_takes() -> None:
    assert clean_name("car & van (50 %)") == "car_van_50_"
    assert flatten_numbers({"car/van": 1}, prefix="test") == {"test/car_van": 1.0}
    assert len(clean_name("x" * 999)) == 250
