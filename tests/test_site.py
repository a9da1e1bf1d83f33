"""The built documentation needs no network, and has a page with all its parts for each network.

`.ci/run` builds it; by hand: `make docs`, then TFVP_SITE=build/site.
"""

import os
import re
from pathlib import Path

import pytest

from tfvp.models.registry import MODELS

SITE = Path(os.environ.get("TFVP_SITE", "nowhere"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SITE.is_dir(), reason="TFVP_SITE names no folder of a built site"),
]


def test_no_page_loads_anything_from_elsewhere():
    pages = sorted(SITE.rglob("*.html"))
    assert len(pages) > len(MODELS)
    for page in pages:
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=[^>]+>", text)
        canonical = ('rel="canonical"', 'rel="prev"', 'rel="next"')
        away = [tag for tag in loaded if "//" in tag and not any(rel in tag for rel in canonical)]
        assert not away, page
        assert 'class="mermaid"' not in text, f"{page}: Mermaid is loaded from elsewhere"
    for sheet in SITE.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text("utf-8"))


@pytest.mark.parametrize("network", MODELS)
def test_a_network_has_a_page_with_drawing_equations_keys_and_counts(network):
    text = (SITE / "networks" / f"{network}.html").read_text("utf-8")
    assert '<svg class="network"' in text
    for part in ("the-network", "configurations", "keys", "measured-by-us"):
        assert f'id="{part}"' in text
    assert f"model.network: {network}" in text
    assert "&gt;&gt;&gt;" in text


def test_every_key_and_command_is_there():
    keys = (SITE / "reference" / "configuration.html").read_text("utf-8")
    for key in ("micro_batch", "validate_every", "digit_px"):
        assert f"<code>{key}</code>" in keys
    commands = (SITE / "reference" / "command_line.html").read_text("utf-8")
    for command in ("tfvp run", "tfvp data convert", "tfvp list presets"):
        assert f">{command}<" in commands
