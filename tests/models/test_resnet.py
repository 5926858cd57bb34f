import pytest
import torch

from models.resnet import BackboneName, Lamps, ResNet, SceneBackbone

# Written down from torchvision's resnet18; its state dict has 122 entries.
TORCHVISION = {
    "conv1.weight": (64, 3, 7, 7),
    "bn1.weight": (64,),
    "bn1.running_mean": (64,),
    "bn1.num_batches_tracked": (),
    "layer1.0.conv1.weight": (64, 64, 3, 3),
    "layer1.1.bn2.running_var": (64,),
    "layer2.0.conv1.weight": (128, 64, 3, 3),
    "layer2.0.downsample.0.weight": (128, 64, 1, 1),
    "layer2.0.downsample.1.bias": (128,),
    "layer3.1.conv2.weight": (256, 256, 3, 3),
    "layer4.0.downsample.0.weight": (512, 256, 1, 1),
    "layer4.1.bn2.weight": (512,),
    "fc.weight": (1000, 512),
    "fc.bias": (1000,),
}


def make_frames(num_frames: int, height: int, width: int, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (num_frames, 3, height, width), dtype=torch.uint8, generator=generator)


def test_names_shapes_and_number_of_parameters_are_torchvisions() -> None:
    network = ResNet("resnet18", num_classes=1000)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert len(shapes) == 122
    assert {name: shapes.get(name) for name in TORCHVISION} == TORCHVISION
    assert not any("layer1" in name and "downsample" in name for name in shapes)
    assert sum(value.numel() for value in network.parameters()) == 11_689_512
    network = ResNet("resnet34", num_classes=1000)
    assert sum(value.numel() for value in network.parameters()) == 21_797_672
    assert {"layer1.2.bn2.weight", "layer2.3.bn2.weight", "layer3.5.bn2.weight"} <= set(network.state_dict())


def test_a_block_by_hand() -> None:
    network = ResNet("resnet18", stage=1).eval()
    block = network.get_submodule("layer1.0")
    x = torch.randn(1, 64, 5, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        block.bn1.running_mean.fill_(0.3)
        inner = torch.conv2d(x, block.conv1.weight, padding=1)
        inner = torch.clamp((inner - 0.3) / (1.0 + 1e-5) ** 0.5, min=0.0)
        outer = torch.conv2d(inner, block.conv2.weight, padding=1) / (1.0 + 1e-5) ** 0.5
        torch.testing.assert_close(block(x), torch.clamp(outer + x, min=0.0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("stage", "shape"), [(1, (67, 9, 13)), (2, (67, 5, 7)), (3, (67, 3, 4)), (4, (67, 2, 2))])
def test_a_stages_map(stage: int, shape: tuple[int, int, int]) -> None:
    backbone = SceneBackbone("resnet18", stage=stage, channels=64, seed=0)
    maps = backbone(make_frames(2, 35, 51))
    assert tuple(maps.shape) == (2, *shape)
    assert not maps.requires_grad
    assert not any(f"layer{later}" in name for name in backbone.state_dict() for later in range(stage + 1, 5))


def test_lamps_are_the_brightest_saturated_light_near_a_cells_centre() -> None:
    frames = torch.full((1, 3, 32, 64), 0.5)  # grey: no lamp
    frames[0, :, 3, 9] = torch.tensor([1.0, 0.2, 0.1])  # red, 0.8 above the others
    frames[0, :, 15, 40] = torch.tensor([0.1, 0.9, 0.3])  # green, 0.6 above
    frames[0, :, 16, 8] = torch.tensor([0.6, 0.3, 0.3])  # brick
    frames[0, :, 31, 63] = torch.tensor([1.0, 0.7, 0.0])  # amber
    found = Lamps(stride_px=16)(frames)
    assert found.shape == (1, 3, 2, 4)
    expected = torch.zeros(3, 2, 4)
    # Pixel 9 is within 8 of 16, the centre of cell 1, around which 17 times 9 pixels lie in the frame.
    expected[0, 0, 1] = 0.5 * (1 - 8 / (17 * 9))
    # Green is 0.8 above red, and blue counts 0.3 less. Pixel 40 is as far from 32 as from 48; row 15 is nearest to 16.
    expected[1, 1, 2] = expected[1, 1, 3] = 0.5 * (1 - 8 / 17**2)
    expected[2, 1, 3] = 0.0  # pixel 63 lies beyond all cells: the last is centred on 48
    torch.testing.assert_close(found[0], expected / (expected + 0.05), atol=1e-6, rtol=0)


def test_what_is_bright_and_large_is_paint() -> None:
    frames = torch.full((2, 3, 64, 64), 0.5)
    frames[0, :, 16:48, 16:48] = frames[1, :, 31:34, 31:34] = torch.tensor([1.0, 0.1, 0.1])[:, None, None]
    bus, signal = Lamps(stride_px=16)(frames)[:, 0]
    assert not bus.any()
    assert signal[2, 2] > 0.8


@pytest.mark.parametrize("name", ["compact", "resnet18", "resnet34"])
def test_random_weights_are_seeded_and_neither_blow_up_nor_vanish(name: BackboneName) -> None:
    one, same, other = (SceneBackbone(name, stage=3, channels=16, seed=seed) for seed in (0, 0, 1))
    frames = make_frames(1, 64, 96)
    torch.testing.assert_close(one(frames), same(frames), rtol=0, atol=0)
    assert not torch.allclose(one(frames), other(frames), atol=0.1)
    assert 0.1 < one(frames).square().mean().sqrt() < 50.0


def test_the_projection_is_orthogonal_and_absent_where_nothing_is_to_be_projected() -> None:
    backbone = SceneBackbone("resnet18", stage=1, channels=24, seed=0)
    rows = backbone.projection.weight[:, :, 0, 0]
    torch.testing.assert_close(rows @ rows.T, torch.eye(24), rtol=0, atol=1e-6)
    whole = SceneBackbone("resnet18", stage=1, channels=64, seed=0)
    assert not any("projection" in name for name in whole.state_dict())
    torch.testing.assert_close(
        backbone(make_frames(1, 32, 32))[:, :24],
        torch.einsum("oc,fcyx->foyx", rows, whole(make_frames(1, 32, 32))[:, :64]),
        rtol=1e-4,
        atol=1e-4,
    )
    with pytest.raises(ValueError, match="channels: 65"):
        SceneBackbone("resnet18", stage=1, channels=65, seed=0)
    with pytest.raises(ValueError, match="channels: 17"):
        SceneBackbone("compact", stage=1, channels=17, seed=0)


def test_bytes_and_numbers_are_normalised_as_imagenet() -> None:
    backbone = SceneBackbone("resnet18", stage=1, channels=64, seed=0)
    grey = torch.tensor([124, 116, 104], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)  # 255 * the mean
    assert backbone(grey).abs().max() < 0.05
    frames = make_frames(1, 32, 32)
    torch.testing.assert_close(backbone(frames), backbone(frames.float() / 255.0), rtol=0, atol=0)


def test_threads_and_how_many_frames_go_together_change_no_bit() -> None:
    last = torch.channels_last
    backbone = SceneBackbone("compact", stage=2, channels=8, seed=0).to(memory_format=last)
    frames = make_frames(16, 32, 48).contiguous(memory_format=last)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = backbone(frames)
        torch.set_num_threads(1)
        torch.testing.assert_close(torch.cat([backbone(few) for few in frames.split(4)]), together, rtol=0, atol=0)
    finally:
        torch.set_num_threads(before)


def test_it_stays_frozen_inside_a_module_that_trains() -> None:
    backbone = SceneBackbone("resnet18", stage=1, channels=8, seed=0)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    torch.nn.Sequential(backbone).train()(make_frames(2, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_cell_j_looks_at_the_pixels_around_j_strides(stage: int) -> None:
    """The centre of mass of a cell's influence: what sampling at an agent's place relies on."""
    stride, cell = 2 ** (stage + 1), (9, 8)  # row, column
    size = (19 * stride, 17 * stride)  # far from the borders, which would pull
    centres = []
    for seed in range(4):
        backbone = SceneBackbone("resnet18", stage=stage, channels=64, seed=seed)
        frames = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        backbone(frames)[0, :, cell[0], cell[1]].sum().backward()
        influence = frames.grad.square().sum((0, 1))
        influence = influence / influence.sum()
        rows, columns = torch.arange(size[0]), torch.arange(size[1])
        centres.append(((influence.sum(1) * rows).sum() / stride, (influence.sum(0) * columns).sum() / stride))
    centre = torch.tensor(centres).mean(0)
    torch.testing.assert_close(centre, torch.tensor([9.0, 8.0]), rtol=0, atol=0.2)  # tiles' middles are at + 0.5
