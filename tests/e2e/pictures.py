"""Pictures of the documents: `make pictures` sets PICTURES to the folder for them."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Page

WIDTH = 1200
PICTURE_BYTES = 150_000


def picture(page: Page, name: str, *, viewport: int, height: int) -> None:
    """Write the top of the page as a small PNG, if the tests are run for pictures."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    page.set_viewport_size({"width": WIDTH, "height": viewport})
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # The page changes its layout in several steps.
    part: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    shown = Image.open(io.BytesIO(page.screenshot(animations="disabled", clip=part)))
    target = Path(folder) / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    shown.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
    assert target.stat().st_size < PICTURE_BYTES
