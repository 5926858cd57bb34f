import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.drives.drive import Camera
from pipeline.drives.image_header import MAX_PIXELS, ImageError
from pipeline.scene.images import decode, frame_bytes
from tests.claimed_png import png_claiming

CAMERA = Camera(width_px=64, height_px=48, fx_px=50.0, fy_px=50.0, cx_px=32.0, cy_px=24.0)


def encode(suffix: str, *options: int, size: tuple[int, int] = (48, 64), seed: int = 0) -> bytes:
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return cv2.imencode(suffix, cv2.GaussianBlur(image, (0, 0), 2.0), list(options))[1].tobytes()


def decoded(content: bytes, *, camera: Camera = CAMERA) -> np.ndarray:
    return decode(content, camera=camera, width_px=32, height_px=24)


PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)


@pytest.mark.parametrize(("suffix", "options"), [(".jpg", ()), (".jpg", PROGRESSIVE), (".png", ())])
def test_whole_frames_are_decoded_whatever_follows_them(suffix: str, options: tuple[int, ...]) -> None:
    content = encode(suffix, *options)
    image = decoded(content)
    assert image.shape == (24, 32, 3)
    np.testing.assert_array_equal(decoded(content + bytes(100)), image)


@pytest.mark.parametrize(("suffix", "options"), [(".jpg", ()), (".jpg", PROGRESSIVE), (".png", ())])
def test_no_frame_that_is_cut_off_anywhere_is_decoded(suffix: str, options: tuple[int, ...]) -> None:
    content = encode(suffix, *options)
    for length in range(8, len(content), 3):
        with pytest.raises(ImageError, match=r"truncated|damaged"):
            decoded(content[:length])


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_frame() -> None:
    content, thumbnail = encode(".jpg"), encode(".jpg", size=(8, 8))
    segment = b"Exif\0\0" + thumbnail
    with_thumbnail = content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]
    np.testing.assert_array_equal(decoded(with_thumbnail), decoded(content))
    with pytest.raises(ImageError, match="truncated"):
        decoded(with_thumbnail[:-200])


def test_colours_are_red_green_blue_and_resizing_averages_areas() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :, 2] = 200  # OpenCV writes blue, green, red
    image[24::2, :, 0] = 100
    resized = decoded(cv2.imencode(".png", image)[1].tobytes())
    assert (resized[:12] == [200, 0, 0]).all()
    assert (resized[12:] == [0, 0, 50]).all()


def test_an_orientation_flag_turns_nothing() -> None:
    content = encode(".jpg")
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: a quarter turn
    segment = b"Exif\0\0" + tiff
    flagged = content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]
    np.testing.assert_array_equal(decoded(flagged), decoded(content))


def test_a_bomb_is_refused_from_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    side = 60_000
    camera = Camera(width_px=side, height_px=side, fx_px=1.0, fy_px=1.0, cx_px=1.0, cy_px=1.0)
    assert side * side > MAX_PIXELS
    with pytest.raises(ImageError, match="more than 64 megapixels"):
        decoded(png_claiming(side, side), camera=camera)
    jpeg = bytearray(encode(".jpg"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", side, side)
    with pytest.raises(ImageError, match="more than 64 megapixels"):
        decoded(bytes(jpeg), camera=camera)


def test_a_second_header_hides_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    jpeg = encode(".jpg")
    at = jpeg.index(b"\xff\xc0")
    header = jpeg[at : at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")]
    for content in (jpeg[:-2] + header + jpeg[-2:], png_claiming(64, 48, headers=2)):
        with pytest.raises(ImageError, match="damaged image"):
            decoded(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"just some grey text\n" * 20, "not a JPEG or PNG image"),
        (cv2.imencode(".bmp", np.zeros((48, 64, 3), np.uint8))[1].tobytes(), "not a JPEG or PNG image"),
        (encode(".jpg", size=(64, 48)), "size other than the camera's"),
        (encode(".png", size=(24, 32)), "size other than the camera's"),
        (b"\xff\xd8\xff\xd9", "damaged image"),
        (b"\xff\xd8" + b"\xff\x01" * 200_000, "damaged image"),
        (png_claiming(64, 48), "damaged image"),
    ],
)
def test_what_is_no_frame_of_this_camera(content: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decoded(content)


def test_a_flipped_bit_in_a_png_is_found() -> None:
    content = bytearray(encode(".png"))
    content[len(content) // 2] ^= 1
    with pytest.raises(ImageError, match="damaged image"):
        decoded(bytes(content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    (drive / "frames").mkdir(parents=True)
    (drive / "frames" / "empty.jpg").write_bytes(b"")
    (tmp_path / "secret.jpg").write_bytes(encode(".jpg"))
    outside = "path outside the drive's folder"
    for path, reason in {
        "frames/none.jpg": "missing file",
        "frames": "missing file",
        "": "missing file",
        "frames/empty.jpg": "empty file",
        "../secret.jpg": outside,
        "frames/../../secret.jpg": outside,
        "..\\secret.jpg": outside,
        str(tmp_path / "secret.jpg"): outside,
        "C:\\secret.jpg": outside,
        "frames/\0.jpg": "(missing|unreadable) file",
    }.items():
        with pytest.raises(ImageError, match=reason):
            frame_bytes(drive, path)
    (drive / "frames" / "large.jpg").touch()
    with (drive / "frames" / "large.jpg").open("r+b") as file:
        file.truncate(65 * 2**20)  # sparse
    with pytest.raises(ImageError, match="larger than 64 MiB"):
        frame_bytes(drive, "frames/large.jpg")
