"""Make the README's picture of the explorer, docs/images/explorer.png; others to look at go to artifacts/."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from conftest import find_chromium  # noqa: E402
from lab_tools import FLAGS, SETTLED, Notebook, jupyterlab  # noqa: E402

CELLS = [
    "import cryoaniso_nb as ca\n"
    "maps = ca.simulate_half_maps(box=128, voxel_size=1.2, preset='missing-top-views', signal='phantom', seed=4)",
    "explorer = ca.explore(maps)\nexplorer",
]
LARGEST = 300_000  # bytes
WIDTHS = (900, 1400, 1920)


def main() -> None:
    """Run the explorer in JupyterLab, select its worst direction, take its picture."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium found: install Debian's chromium, or set CHROMIUM to its path.")
    target = ROOT / "docs" / "images" / "explorer.png"
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab(Path(folder)) as (url, notebooks),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 1200}).new_page()
        page.said = []  # type: ignore[attr-defined]
        book = Notebook(page, url, notebooks, "explorer", CELLS)
        book.run_all()
        book.wait_status("done")
        book.run("r = explorer.result()\n"
                 "explorer.session.select(direction=tuple(r.regions.worst.marks(1)[0].tolist()))")  # fmt: skip
        page.wait_for_function("() => document.body.textContent.includes('cone ±17°')")
        shot = book.shot("readme")
        for theme in ("Light", "Dark"):
            book.theme(f"JupyterLab {theme}")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 1200})
                page.wait_for_function(SETTLED)
                print(book.shot(f"explorer-{theme.lower()}-{width}").relative_to(ROOT))
        browser.close()
    picture = Image.open(shot).convert("RGB")
    target.parent.mkdir(exist_ok=True)
    picture.save(target, optimize=True)
    size = target.stat().st_size
    print(f"{target.relative_to(ROOT)}: {picture.width} x {picture.height}, {size / 1000:.0f} kB")
    if size > LARGEST:
        sys.exit(f"The picture has {size} bytes, but it must stay under {LARGEST}; quantize its colours.")


if __name__ == "__main__":
    main()
