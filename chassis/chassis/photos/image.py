"""Cleaned photos: decoded, turned upright, made smaller and encoded again, so that no metadata is left."""

import io
import threading
from dataclasses import dataclass

from PIL import Image, ImageOps

from chassis.photos.problems import photo_too_large, photo_unreadable
from chassis.problems import unavailable

TYPES = {"image/jpeg": {"JPEG", "MPO"}, "image/png": {"PNG"}, "image/webp": {"WEBP"}}
"""Accepted media types with the formats of their files. A phone's JPEG often holds a second picture, which makes it an MPO."""
KEPT_TYPE = "image/jpeg"
MOST_BYTES = 6 * 2**20
MOST_PIXELS = {"image/jpeg": 25_000_000, "image/png": 13_000_000, "image/webp": 13_000_000}
"""Pixel limits. A JPEG shrinks while it is decoded; the other types hold all pixels in memory, some of them twice."""
LONGEST_SIDE = 1600
QUALITY = 82
LEAST_EDGES = 8
AT_ONCE = 2
PATIENCE_SECONDS = 5.0

_decoding = threading.BoundedSemaphore(AT_ONCE)
"""Semaphore for decoding: one photo takes up to 200 MB, so a process decodes at most `AT_ONCE`."""


@dataclass(frozen=True)
class Picture:
    """A JPEG without metadata: no place, time or camera."""

    data: bytes
    width: int
    height: int


def clean_photo(data: bytes, media_type: str) -> Picture:
    """Decode a photo and encode it as a JPEG without metadata.

    Raises `photo_unreadable` for a broken file or another type. Raises `photo_too_large` for too many pixels, before decoding them. Colours
    count as sRGB, transparency becomes white, and only the first of several pictures is kept.
    """
    if not _decoding.acquire(timeout=PATIENCE_SECONDS):
        raise unavailable(retry_after_seconds=2)
    try:
        return _cleaned(data, media_type)
    except (photo_too_large, photo_unreadable):
        raise
    except Exception:
        # A malicious file can raise any exception inside the decoders.
        raise photo_unreadable() from None
    finally:
        _decoding.release()


def hash_look(picture: Picture) -> int | None:
    """Return the difference hash of a picture: 64 bits, most of which are the same for pictures that look alike.

    None for a picture that shows too little to tell it from others, such as a plain surface.
    """
    with Image.open(io.BytesIO(picture.data)) as image:
        grey = image.convert("L").resize((9, 8), Image.Resampling.BILINEAR).tobytes()
    bits = [grey[row * 9 + column] > grey[row * 9 + column + 1] for row in range(8) for column in range(8)]
    return sum(bit << place for place, bit in enumerate(bits)) if sum(bits) >= LEAST_EDGES else None


def _cleaned(data: bytes, media_type: str) -> Picture:
    # Our own limit of pixels comes before decoding; Pillow's limit stays in force.
    with Image.open(io.BytesIO(data), formats=[name for name in TYPES[media_type] if name != "MPO"]) as image:
        if image.format not in TYPES[media_type]:
            raise photo_unreadable()
        if image.width * image.height > MOST_PIXELS[media_type]:
            raise photo_too_large(most=MOST_PIXELS[media_type] // 10**6)
        # Decodes a JPEG at a reduced size, no smaller than it is kept.
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
        plain = image if image.mode in {"RGB", "RGBA"} else image.convert("RGBA" if image.has_transparency_data else "RGB")
        plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        sheet = _on_new_sheet(ImageOps.exif_transpose(plain))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=QUALITY, optimize=True)
    return Picture(written.getvalue(), sheet.width, sheet.height)


def _on_new_sheet(image: Image.Image) -> Image.Image:
    """Copy the pixels alone: Pillow would write the comment and other metadata along with the image."""
    sheet = Image.new("RGB", image.size, "white")
    sheet.paste(image, mask=image if image.mode == "RGBA" else None)
    return sheet
