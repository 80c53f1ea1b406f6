"""Takes the pictures that an example writes beside itself into its page of the gallery."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst


def _get_sg_image_scraper() -> Any:  # the name by which sphinx-gallery asks a module for its scraper
    return take_pictures


def take_pictures(block: Any, variables: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Move the pictures that a block has written, and say where they are."""
    taken = []
    for picture in sorted(Path(variables["src_file"]).parent.glob("*.png"), key=lambda p: p.stat().st_mtime):
        target = next(variables["image_path_iterator"])
        shutil.move(picture, target)
        taken.append(target)
    return figure_rst(taken, gallery_conf["src_dir"])
