"""A photo as it may be kept: decoded, turned upright, made smaller and written anew, so that nothing but what it shows is left."""

import io
import threading
from dataclasses import dataclass

from PIL import Image, ImageOps

from chassis.problems import unavailable
from matching.feedback.problems import photo_too_large, photo_unreadable

TYPES = {"image/jpeg": {"JPEG", "MPO"}, "image/png": {"PNG"}, "image/webp": {"WEBP"}}
"""What is taken, and what its files may turn out to be: a phone's JPEG often holds a second picture behind the first."""
KEPT_TYPE = "image/jpeg"
MOST_BYTES = 6 * 2**20
MOST_PIXELS = {"image/jpeg": 25_000_000, "image/png": 13_000_000, "image/webp": 13_000_000}
"""A JPEG is made smaller while it is decoded; of the others all pixels stand in memory at once, some of them twice."""
LONGEST_SIDE = 1600
QUALITY = 82
AT_ONCE = 2
PATIENCE_SECONDS = 5.0

_decoding = threading.BoundedSemaphore(AT_ONCE)
"""A photo takes up to 200 MB while it is decoded: a process decodes only so many at once."""


@dataclass(frozen=True)
class Picture:
    """A JPEG without a word about where, when and with what it was taken."""

    data: bytes
    width: int
    height: int


def clean_photo(data: bytes, media_type: str) -> Picture:
    """Raises `photo_unreadable` for what is not whole or not of that type, `photo_too_large` for too many pixels, before it decodes them.

    Colours are taken for sRGB, transparent places become white, of several pictures in a file the first is kept.
    """
    if not _decoding.acquire(timeout=PATIENCE_SECONDS):
        raise unavailable(retry_after_seconds=2)
    try:
        return _cleaned(data, media_type)
    except (photo_too_large, photo_unreadable):
        raise
    except Exception:
        # A file that is made to do harm raises whatever it hits in the readers.
        raise photo_unreadable() from None
    finally:
        _decoding.release()


def _cleaned(data: bytes, media_type: str) -> Picture:
    # Pillow itself warns of large pictures only when it has been opened; its own limit stays as it is.
    with Image.open(io.BytesIO(data), formats=[name for name in TYPES[media_type] if name != "MPO"]) as image:
        if image.format not in TYPES[media_type]:
            raise photo_unreadable()
        if image.width * image.height > MOST_PIXELS[media_type]:
            raise photo_too_large(most=MOST_PIXELS[media_type] // 10**6)
        # A JPEG is decoded at an eighth to the whole of its size, no smaller than it is kept.
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
        plain = image if image.mode in {"RGB", "RGBA"} else image.convert("RGBA" if image.has_transparency_data else "RGB")
        plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        sheet = _on_new_sheet(ImageOps.exif_transpose(plain))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=QUALITY, optimize=True)
    return Picture(written.getvalue(), sheet.width, sheet.height)


def _on_new_sheet(image: Image.Image) -> Image.Image:
    """The pixels alone: what a file says beside them, its comment for one, would be written along with them."""
    sheet = Image.new("RGB", image.size, "white")
    sheet.paste(image, mask=image if image.mode == "RGBA" else None)
    return sheet
