from collections import Counter

import pytest

from pipeline.drives.categories import Category
from pipeline.drives.words import WORDS, categories_of, category_of


@pytest.mark.parametrize(
    ("word", "category"),
    [
        ("vehicle", Category.VEHICLE),
        ("cyclist", Category.BICYCLE),
        ("ego", Category.VEHICLE),
        ("Person_sitting", Category.PEDESTRIAN),  # KITTI
        ("Medium-sized Truck", Category.TRUCK),  # PandaSet
        ("Pedestrian with Object", Category.PEDESTRIAN),
        ("Other Vehicle - Construction Vehicle", Category.VEHICLE),
        ("Cones", Category.STATIC),
        ("Towed Object", Category.TRAILER),
        ("Pickup Truck", Category.CAR),
        ("Temporary Construction Barriers", Category.STATIC),
        ("Personal Mobility Device", Category.OTHER),
        ("vehicle.bus.rigid", Category.BUS),  # nuScenes
        ("human.pedestrian.police_officer", Category.PEDESTRIAN),
        ("movable_object.trafficcone", Category.STATIC),
        ("REGULAR_VEHICLE", Category.CAR),  # Argoverse 2
        ("MOBILE_PEDESTRIAN_SIGN", Category.STATIC),
        ("riderless_bicycle", Category.STATIC),
    ],
)
def test_the_sources_words_have_their_category(word: str, category: Category):
    assert category_of(word) is category


def test_no_word_has_two_categories_and_every_category_has_words():
    assert [word for word, count in Counter(sum(WORDS.values(), ())).items() if count > 1] == []
    assert set(WORDS) == set(Category)
    assert all(category_of(word) is category for category, words in WORDS.items() for word in words)


def test_each_unknown_word_is_other_and_noted_once():
    numbers, notes = categories_of(["car", "hovercraft", "", "hovercraft"])
    assert numbers.tolist() == [Category.CAR, Category.OTHER, Category.OTHER, Category.OTHER]
    assert notes == (
        "category 'hovercraft' is not known: 2 rows are taken as OTHER",
        "category '' is not known: 1 rows are taken as OTHER",
    )


PUBLISHED = {
    "KITTI": "Car, Van, Truck, Pedestrian, Person_sitting, Person (sitting), Cyclist, Tram, Misc",
    "nuScenes": "animal, human.pedestrian.adult, human.pedestrian.child, human.pedestrian.construction_worker, "
    "human.pedestrian.personal_mobility, human.pedestrian.police_officer, human.pedestrian.stroller, "
    "human.pedestrian.wheelchair, movable_object.barrier, movable_object.debris, movable_object.pushable_pullable, "
    "movable_object.trafficcone, static_object.bicycle_rack, vehicle.bicycle, vehicle.bus.bendy, vehicle.bus.rigid, "
    "vehicle.car, vehicle.construction, vehicle.emergency.ambulance, vehicle.emergency.police, vehicle.motorcycle, "
    "vehicle.trailer, vehicle.truck",
    "Argoverse 2 sensor": "ANIMAL, ARTICULATED_BUS, BICYCLE, BICYCLIST, BOLLARD, BOX_TRUCK, BUS, CONSTRUCTION_BARREL, "
    "CONSTRUCTION_CONE, DOG, LARGE_VEHICLE, MESSAGE_BOARD_TRAILER, MOBILE_PEDESTRIAN_CROSSING_SIGN, MOTORCYCLE, "
    "MOTORCYCLIST, OFFICIAL_SIGNALER, PEDESTRIAN, RAILED_VEHICLE, REGULAR_VEHICLE, SCHOOL_BUS, SIGN, STOP_SIGN, "
    "STROLLER, TRAFFIC_LIGHT_TRAILER, TRUCK, TRUCK_CAB, VEHICULAR_TRAILER, WHEELCHAIR, WHEELED_DEVICE, WHEELED_RIDER",
    "Argoverse 2 motion forecasting": "vehicle, pedestrian, motorcyclist, cyclist, bus, static, background, "
    "construction, riderless_bicycle, unknown",
}


@pytest.mark.parametrize("source", PUBLISHED)
def test_every_word_that_a_publisher_lists_is_known(source: str):
    assert categories_of(PUBLISHED[source].split(", "))[1] == ()
