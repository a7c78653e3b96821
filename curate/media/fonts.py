"""The font for Chinese and English text drawn into pictures."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from curate.errors import need_extra


@lru_cache(maxsize=16)
def font(size: int) -> Any:
    """Return Noto Sans SC of a size.

    Args:
        size: pixels.

    Raises:
        MissingExtra: Pillow or the font package is not installed.
    """
    try:
        from PIL import ImageFont
        from pylopdf_fonts_zh_cn import sans_path
    except ImportError as e:
        raise need_extra("pillow and pylopdf-fonts-zh-cn", "clips,plots") from e
    return ImageFont.truetype(str(sans_path()), size)


def fit_text(text: str, width: int, size: int) -> str:
    """Cut a text with an ellipsis so that it fits.

    Args:
        text: one line.
        width: pixels.
        size: of the font, pixels.
    """
    face = font(size)
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
