"""Drawings in place of photos, for needs of the sandbox: a roof that lacks some tiles, a signed slip."""

import io
import random

from PIL import Image, ImageDraw

WIDE, HIGH, TILE = 640, 420, 32


def draw_roof(number: int) -> bytes:
    """Draw a roof as a JPEG. Each number has holes of its own, so that two drawings are not taken for the same photo."""
    holes = random.Random(number)
    image = Image.new("RGB", (WIDE, HIGH), (198, 214, 226))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 260, WIDE - 60, HIGH), fill=(214, 196, 164))
    draw.rectangle((280, 310, 360, HIGH), fill=(96, 70, 48))
    for row in range(7):
        for column in range(1 + row // 2, WIDE // TILE - 1):
            left, top = column * TILE - row * 4, 40 + row * TILE
            is_hole = holes.random() < 0.12
            shade = (60, 48, 42) if is_hole else (92 + holes.randrange(24), 96, 104)
            draw.rounded_rectangle((left, top, left + TILE - 3, top + TILE - 3), 6, fill=shade)
    return _jpeg(image)


def draw_slip(number: int) -> bytes:
    """Draw a sheet with lines of writing and a signature as a JPEG, each number another one."""
    pen = random.Random(number)
    image = Image.new("RGB", (WIDE, HIGH), (242, 240, 232))
    draw = ImageDraw.Draw(image)
    for row in range(6):
        draw.line((70, 70 + row * 40, WIDE - 90 - pen.randrange(180), 70 + row * 40), fill=(70, 70, 78), width=7)
    points = [(360 + step * 12, 340 + pen.randrange(-28, 28)) for step in range(16)]
    draw.line(points, fill=(36, 52, 120), width=5, joint="curve")
    return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
