"""What calibration changes, and what it is fitted to, by hand."""

import math

import pytest
import torch

from models.batch import Forecast, Paths
from models.calibration import Calibration, CalibrationStatistics, merged
from models.manoeuvre import ClassHead
from pipeline.drives.categories import Category
from pipeline.training.calibrate import (
    best_merge,
    class_weights,
    gaussian_scale,
    likeliest_temperature,
    macro_f1,
    region_radii,
    set_classes,
)


def forecast() -> Forecast:
    def paths(*shape: int) -> Paths:
        return Paths(xy_m=torch.zeros(*shape, 2), sigma_m=torch.ones(*shape, 2), rho=torch.zeros(shape))

    probability = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    return Forecast(single=paths(2, 3), modes=paths(2, 2, 3), log_probability=probability.log())


def test_unset_it_leaves_all_as_it_is_and_set_it_changes_how_sure_one_may_be() -> None:
    calibration = Calibration(num_categories=2, num_future=3)
    same = calibration(forecast(), torch.tensor([0, 1]))
    torch.testing.assert_close(same.log_probability, forecast().log_probability)
    torch.testing.assert_close(same.single.sigma_m, torch.ones(2, 3, 2))
    assert same.radius[0, :, 0].tolist() == pytest.approx([1.17741, 2.14597], abs=1e-4)
    radius = torch.stack((torch.full((2, 3), 1.0), torch.full((2, 3), 2.0)))
    calibration.set_statistics(
        CalibrationStatistics(
            temperature=torch.tensor(0.5),
            merge_m=torch.tensor(0.0),
            single_scale=torch.tensor([1.0, 2.0, 3.0]),
            mode_scale=torch.tensor([4.0, 5.0, 6.0]),
            radius=radius,
        )
    )
    sure = calibration(forecast(), torch.tensor([1, 0]))
    assert sure.log_probability[0].exp().tolist() == pytest.approx([0.04 / 0.68, 0.64 / 0.68])
    assert sure.single.sigma_m[0].tolist() == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert sure.modes.sigma_m[1, 0, :, 1].tolist() == [4.0, 5.0, 6.0]
    assert sure.radius[:, 0, 0].tolist() == [2.0, 1.0]


def test_modes_that_coincide_give_their_probability_to_the_likeliest() -> None:
    # On a line at one step: 0 and 0.4 and 0.8 are a chain, 5 stands alone.
    xy_m = torch.tensor([0.0, 0.4, 0.8, 5.0])[None, :, None, None].expand(1, 4, 3, 2)
    probability = torch.tensor([[0.3, 0.2, 0.1, 0.4]])
    within = merged(probability.log(), xy_m, within_m=torch.tensor(0.6)).exp()
    torch.testing.assert_close(within, torch.tensor([[0.6, 0.0, 0.0, 0.4]]))
    order = torch.tensor([2, 3, 0, 1])
    turned = merged(probability[:, order].log(), xy_m[:, order], within_m=torch.tensor(0.6)).exp()
    torch.testing.assert_close(turned, within[:, order])
    none = merged(probability.log(), xy_m, within_m=torch.tensor(0.0)).exp()
    torch.testing.assert_close(none, probability)


def test_modes_are_merged_as_far_as_the_likeliest_gains() -> None:
    # Two modes a hand apart share what comes true; a third one that does not is likelier than either.
    xy_m = torch.tensor([0.0, 0.2, 9.0])[None, :, None, None].expand(4, 3, 2, 2)
    log_probability = torch.tensor([[0.3, 0.3, 0.4]]).expand(4, 3).log()
    near = torch.tensor([[0.1, 0.1, 9.0]]).expand(4, 3)
    assert float(best_merge(log_probability, xy_m, cost_m=near)) == 0.5  # 0.28 m apart
    assert float(best_merge(log_probability, xy_m, cost_m=9.0 - near)) == 0.0


def test_the_temperature_undoes_what_was_too_sure() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 3, generator=generator)
    nearest = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    too_sure = (3.0 * logits).log_softmax(1)
    assert float(likeliest_temperature(too_sure, true=nearest)) == pytest.approx(3.0, rel=0.05)


def test_spreads_become_the_likeliest() -> None:
    squared = torch.tensor([[8.0, 2.0, 1e6], [8.0, 2.0, 1e6], [1e9, 1e9, 1e9]])
    valid = torch.tensor([[True, True, True], [True, True, False], [False, False, False]])
    assert gaussian_scale(squared, valid=valid).tolist() == [2.0, 1.0, 5.0]
    assert gaussian_scale(squared, valid=torch.zeros_like(valid)).tolist() == [1.0, 1.0, 1.0]


def test_radii_are_conformal_quantiles_by_class_and_of_all_where_a_class_is_rare() -> None:
    num = 199
    distance = torch.arange(1.0, num + 1)[torch.randperm(num, generator=torch.Generator().manual_seed(0))][:, None]
    car = torch.full((num,), int(Category.CAR))
    both = torch.cat((distance, torch.full((20, 1), 1000.0)))
    category = torch.cat((car, torch.full((20,), int(Category.PEDESTRIAN))))
    radii = region_radii(both, valid=torch.ones(len(both), 1, dtype=torch.bool), category=category)
    # Of 199 the 100th and the 180th: (199 + 1) x 0.5 and x 0.9.
    assert radii[int(Category.CAR), :, 0].tolist() == [100.0, 180.0]
    assert radii[int(Category.TRUCK), :, 0].tolist() == [100.0, 180.0]
    # Of all 219 the 110th and the 198th; 20 pedestrians are too few.
    assert radii[int(Category.PEDESTRIAN), :, 0].tolist() == [110.0, 198.0]
    nobody = region_radii(both, valid=torch.zeros(len(both), 1, dtype=torch.bool), category=category)
    assert float(nobody[0, 1, 0]) == pytest.approx(math.sqrt(-2.0 * math.log(0.1)), abs=1e-5)


def test_rare_classes_are_named_as_often_as_pays() -> None:
    # One in ten is rare: told with 0.4 where it is, and with 0.1 where it is not. The likeliest is never the rare one.
    true = torch.tensor([1] * 10 + [0] * 90)
    rare = torch.where(true == 1, 0.4, 0.1)
    log_probability = torch.stack((1.0 - rare, rare), dim=1).log()
    weights = class_weights(log_probability, true=true)
    chosen = (log_probability + weights.log()).argmax(dim=1)
    assert chosen.tolist() == [1] * 10 + [0] * 90
    assert macro_f1(torch.zeros(100).long(), true=true, num_classes=2) == pytest.approx(180 / 190 / 2)
    # Where the rare one cannot be told from the others, naming it does not pay.
    blind = torch.tensor([[0.9, 0.1]]).log().expand(100, 2)
    assert class_weights(blind, true=true).tolist() == [1.0, 1.0]


def test_a_head_is_as_sure_as_it_was_right_and_those_of_whom_nothing_is_known_do_not_count() -> None:
    generator = torch.Generator().manual_seed(0)
    head = ClassHead(3, 3)
    torch.nn.init.eye_(head.logits.weight)
    torch.nn.init.zeros_(head.logits.bias)
    logits = torch.randn(20_000, 3, generator=generator)
    true = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    unknown = torch.cat((true, torch.full((500,), -1)))
    too_sure = torch.cat((3.0 * logits, torch.randn(500, 3, generator=generator)))
    set_classes(head, head(too_sure)[0].detach(), true=torch.full_like(unknown, -1))
    assert float(head.temperature) == 1.0
    set_classes(head, head(too_sure)[0].detach(), true=unknown)
    assert float(head.temperature) == pytest.approx(3.0, rel=0.05)
    told, _ = head(3.0 * logits)
    torch.testing.assert_close(told, logits.log_softmax(1), atol=0.1, rtol=0.1)
