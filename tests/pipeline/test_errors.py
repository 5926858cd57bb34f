import pickle

from pipeline.errors import InputError


def test_a_mistake_found_in_another_process_arrives_as_it_is() -> None:
    there = InputError("drive.json: rate_hz", "0 is no rate", "give the measurements per second")
    here = pickle.loads(pickle.dumps(there))
    assert type(here) is InputError
    assert (here.where, here.what, here.todo) == (there.where, there.what, there.todo)
    assert str(here) == str(there)
