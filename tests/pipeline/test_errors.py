import pickle

from pipeline.errors import InputError, one_line


def test_a_mistake_found_in_another_process_arrives_as_it_is() -> None:
    there = InputError("drive.json: rate_hz", "0 is no rate", "give the measurements per second")
    here = pickle.loads(pickle.dumps(there))
    assert type(here) is InputError
    assert (here.where, here.what, here.todo) == (there.where, there.what, there.todo)
    assert str(here) == str(there)


def test_a_line_is_one_line_that_somebody_can_read() -> None:
    assert one_line("a\nb\t c\x1b[2J\udcff") == "a b c?[2J?"
    assert one_line("x" * 1000) == "x" * 1000
    long = one_line(f"raw/{'x' * 10**6}.jpg: missing file")
    assert len(long) == 1005
    assert long.startswith("raw/xx")
    assert long.endswith("xx.jpg: missing file")
