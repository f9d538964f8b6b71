"""Cleaned photos: whole pictures without their place, decoded a few at a time; broken and huge files are refused."""

import io
import random
import struct
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from chassis.photos import image as picture
from chassis.photos.image import LONGEST_SIDE, MOST_PIXELS, clean_photo
from chassis.problems import Problem
from chassis.testing.twins import unguarded

RED, BLUE = (220, 30, 30), (30, 30, 220)
SECRET = b"WHERE-AND-WITH-WHAT"


def drawn(width: int = 60, height: int = 40) -> Image.Image:
    """Red with a blue corner at the top left."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, 0, width // 2, height // 2))
    return image


def written(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def telling() -> dict[str, bytes]:
    """Pictures that say where and with what they were taken, in every way their formats know."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (30.0, 52.0, 25.6), 3: "E", 4: (105.0, 23.0, 15.0), 29: SECRET.decode()})
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + SECRET
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET.decode())
    return {
        "image/jpeg": written(drawn(), exif=exif, xmp=xmp, icc_profile=icc, comment=SECRET, quality=95) + SECRET,
        "image/png": written(drawn(), "PNG", exif=exif, icc_profile=icc, pnginfo=words) + SECRET,
        "image/webp": written(drawn(), "WEBP", exif=exif, xmp=xmp, icc_profile=icc, quality=95),
    }


def says_something(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return bool(image.getexif() or image.info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}) or SECRET in data


@pytest.mark.parametrize("media_type", telling())
def test_photo_keeps_no_place_and_no_camera(media_type: str) -> None:
    taken = telling()[media_type]
    with Image.open(io.BytesIO(taken)) as image:
        assert image.getexif().get_ifd(0x8825)[4] == (105.0, 23.0, 15.0)
    assert not says_something(clean_photo(taken, media_type).data)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without a new sheet the comment stays in the file")
def test_without_a_new_sheet_something_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_on_new_sheet", lambda image: image)
    assert not says_something(clean_photo(telling()["image/jpeg"], "image/jpeg").data)


def seen(data: bytes) -> tuple[str, str]:
    """The colours at the top left and at the bottom right."""
    with Image.open(io.BytesIO(data)) as image:
        corners = (image.getpixel((2, 2)), image.getpixel((image.width - 3, image.height - 3)))
        return tuple("blue" if colour[2] > colour[0] else "red" for colour in corners)  # type: ignore[index, return-value]


def test_a_photo_taken_sideways_is_kept_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    assert seen(clean_photo(written(drawn(), exif=exif), "image/jpeg").data) == ("red", "blue")
    exif[0x0112] = 6
    upright = clean_photo(written(drawn(60, 40), exif=exif), "image/jpeg")
    assert (upright.width, upright.height) == (40, 60)


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_a_large_photo_is_made_smaller_and_a_small_one_stays(kind: str, media_type: str) -> None:
    large = clean_photo(written(drawn(4000, 3000), kind), media_type)
    assert (large.width, large.height) == (LONGEST_SIDE, 1200)
    assert seen(large.data) == ("blue", "red")
    small = clean_photo(written(drawn(), kind), media_type)
    assert (small.width, small.height) == (60, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_all_picture_modes_become_plain_rgb_on_white(mode: str) -> None:
    kept = clean_photo(written(Image.new(mode, (30, 20)), "PNG"), "image/png")
    with Image.open(io.BytesIO(kept.data)) as image:
        assert image.mode == "RGB"
        assert image.getpixel((5, 5)) == ((255,) * 3 if mode in {"LA", "RGBA"} else (0,) * 3)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A small PNG that says it is a square with such a side."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


def refused(data: bytes, media_type: str) -> str:
    with pytest.raises(Problem) as found:
        clean_photo(data, media_type)
    assert 400 <= found.value.status < 500
    return found.value.code


JPEG = written(drawn(200, 100))
BROKEN: dict[str, Callable[[], tuple[bytes, str]]] = {
    "nothing": lambda: (b"", "image/jpeg"),
    "words": lambda: (b"not a picture at all", "image/jpeg"),
    "cut off": lambda: (JPEG[: len(JPEG) // 2], "image/jpeg"),
    "a head alone": lambda: (JPEG[:20], "image/jpeg"),
    "another type than it says": lambda: (written(drawn(), "PNG"), "image/jpeg"),
    "a type that is not taken": lambda: (written(drawn(), "GIF"), "image/png"),
    "a page of instructions": lambda: (b"%!PS-Adobe-3.0 EPSF-3.0\n", "image/jpeg"),
    "no side": lambda: (bomb(0), "image/png"),
    "less than it says": lambda: (bomb(3000), "image/png"),
}


@pytest.mark.parametrize("made", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_picture_is_refused(made: Callable[[], tuple[bytes, str]]) -> None:
    assert refused(*made()) == "photo_unreadable"


def test_oversized_picture_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("it was decoded"))
    side = int(MOST_PIXELS["image/png"] ** 0.5) + 1
    assert refused(bomb(side), "image/png") == "photo_too_large"
    assert refused(bomb(60_000), "image/png") in {"photo_too_large", "photo_unreadable"}


def test_no_spoilt_file_breaks_the_reader() -> None:
    chance = random.Random(7)
    for media_type, whole in telling().items():
        for _ in range(150):
            spoilt = bytearray(whole)
            for _ in range(chance.randint(1, 12)):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            try:
                assert not says_something(clean_photo(bytes(spoilt[: chance.randint(1, len(spoilt))]), media_type).data)
            except Problem as problem:
                assert problem.status == 422


@pytest.mark.parametrize(
    "guarded",
    [
        True,
        unguarded(False, "without the semaphore, all decode"),
    ],
)
def test_two_photos_are_decoded_at_once_and_others_wait(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(picture, "_decoding", threading.BoundedSemaphore(100))
    at_work, most = list[int](), list[int]()
    one_too_many = threading.Barrier(picture.AT_ONCE + 1)
    cleaned = picture._cleaned

    def count(data: bytes, media_type: str) -> picture.Picture:
        at_work.append(1)
        most.append(len(at_work))
        with suppress(threading.BrokenBarrierError):
            one_too_many.wait(0.2)
        at_work.pop()
        return cleaned(data, media_type)

    monkeypatch.setattr(picture, "_cleaned", count)
    with ThreadPoolExecutor(6) as threads:
        photos = list(threads.map(lambda _: clean_photo(JPEG, "image/jpeg"), range(6)))
    assert {(photo.width, photo.height) for photo in photos} == {(200, 100)}
    assert max(most) == picture.AT_ONCE == 2


def test_photo_that_waits_too_long_is_refused_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "PATIENCE_SECONDS", 0.05)
    with picture._decoding, picture._decoding, pytest.raises(Problem) as found:
        clean_photo(JPEG, "image/jpeg")
    assert (found.value.code, found.value.status, found.value.retry_after_seconds) == ("unavailable", 503, 2)
    assert clean_photo(JPEG, "image/jpeg").width == 200


@pytest.mark.parametrize("trouble", [b"broken", bomb(60_000)])
def test_refused_photos_keep_no_place_in_the_queue(monkeypatch: pytest.MonkeyPatch, trouble: bytes) -> None:
    monkeypatch.setattr(picture, "PATIENCE_SECONDS", 0.05)
    for _ in range(picture.AT_ONCE + 1):
        assert refused(trouble, "image/png").startswith("photo_")
