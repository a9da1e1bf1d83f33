"""An MP4 of predict plays in a real browser."""

import pytest

from tests.inference.test_video import shown
from tests.reporting.test_report_browser import BROWSER, DRIVER, FLAGS
from tfvp.inference.writers import write_clip

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with chromedriver found"),
]

PLAY = """
const done = arguments[arguments.length - 1], video = document.querySelector("video");
video.onended = () => done([video.videoWidth, video.videoHeight, video.duration]);
video.onerror = () => done(video.error.message);
video.muted = true;
video.play().catch(error => done(String(error)));
"""


@pytest.mark.parametrize("channels", [1, 3])
def test_a_browser_plays_it_to_its_end(tmp_path, channels):
    write_clip(tmp_path / "next.mp4", shown(20, channels=channels), 25.0)
    page = tmp_path / "page.html"
    page.write_text("<video src='next.mp4'></video>")
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = BROWSER
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.set_script_timeout(30)
        driver.get(page.as_uri())
        played = driver.execute_async_script(PLAY)
    finally:
        driver.quit()
    assert isinstance(played, list), played
    assert min(played[:2]) > 100
    assert played[2] == pytest.approx(0.8, abs=0.05)
