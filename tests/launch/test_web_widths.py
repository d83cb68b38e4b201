"""The local page in windows of several widths, drawn by Chromium."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from launch.test_web_site import status
from secretgate.web.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MEASURE = """<script>
addEventListener("load", () => {
  const inner = document.querySelector("iframe").contentDocument;
  const cells = [...inner.querySelectorAll("section:last-of-type td")];
  document.title = Math.min(...cells.map(cell => cell.clientWidth)) + "/" +
    (inner.documentElement.scrollWidth - inner.documentElement.clientWidth);
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [360, 500, 700, 1000])
def test_no_column_is_squeezed_and_nothing_sticks_out(tmp_path: Path, width: int) -> None:
    style = files("secretgate.web").joinpath("style.css").read_text(encoding="utf-8")
    text = page(status())
    inlined = re.sub("<link rel=.stylesheet.*>", lambda _: f"<style>{style}</style>", text)
    frame = f'<iframe style="border:0;width:{width}px" srcdoc="{html.escape(inlined)}"></iframe>'
    (tmp_path / "frame.html").write_text(f"<!doctype html>{frame}{MEASURE}", encoding="utf-8")
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "frame.html").as_uri()]
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    measured = re.search(r"<title>(\d+)/(\d+)</title>", done.stdout)
    assert measured, done.stderr
    assert int(measured[1]) >= width // 3
    assert int(measured[2]) == 0
