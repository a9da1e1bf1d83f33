"""report.html in a real browser: no errors, tables sort, the gallery scrubs and plays."""

import shutil
import time

import numpy as np
import pytest

from tests.helpers.small_runs import make_reconstruction, make_run
from tfvp.evaluation.samples import read_arrays
from tfvp.reporting.evaluated_run import read_evaluated_run
from tfvp.reporting.report import write_comparison

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402, after the skip
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1200,1400",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with chromedriver found"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    return [make_run(folder, "a"), make_run(folder, "b", title="Whole", factor=1.0)]


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def comparison(runs, tmp_path_factory) -> str:
    return write_comparison(runs, tmp_path_factory.mktemp("page") / "comparison").as_uri()


@pytest.fixture
def page(browser, comparison):
    """The comparison, open in a browser."""
    browser.get(comparison)
    return browser


def said(page) -> str:
    return page.find_element(By.ID, "said").text


def until(condition, seconds: float = 20.0) -> None:
    """Wait until it holds; fails when it does not come to hold."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)


def scrub(page, frame: int) -> None:
    """Move the slider by the keyboard."""
    slider = page.find_element(By.ID, "frame")
    while (now := int(slider.get_property("value"))) != frame:
        slider.send_keys(Keys.ARROW_RIGHT if now < frame else Keys.ARROW_LEFT)
    until(lambda: said(page).startswith(f"frame {frame} of"))


def shown(page, canvas: str) -> np.ndarray:
    """The bytes that a canvas shows, (H, W)."""
    script = (
        "const c = document.getElementById(arguments[0]);"
        "return [c.height, c.width,"
        " ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    height, width, *values = page.execute_script(script, canvas)
    return np.array(values).reshape(height, width, 4)[..., 0]


def test_page_opens_without_errors(page):
    assert "Comparison of" in page.title
    assert [entry for entry in page.get_log("browser") if entry["level"] != "INFO"] == []
    broken = "return [...document.images].filter((i) => i.complete && !i.naturalWidth).length"
    assert page.execute_script(broken) == 0


def test_scrubbing_shows_truth_prediction_and_difference(page, runs):
    evaluated = read_evaluated_run(runs[0])
    frames, prediction = read_arrays(runs[0].samples, evaluated.samples[0])
    scrub(page, 4)
    np.testing.assert_array_equal(shown(page, "truth"), frames[3, ..., 0])
    np.testing.assert_array_equal(shown(page, "prediction"), prediction[0, ..., 0])
    difference = np.abs(frames[3].astype(int) - prediction[0].astype(int))[..., 0]
    np.testing.assert_array_equal(shown(page, "difference"), difference)
    assert "predicted" in said(page)
    scrub(page, 2)
    np.testing.assert_array_equal(shown(page, "prediction"), frames[1, ..., 0])
    assert "context" in said(page)
    assert not shown(page, "difference").any()
    label = page.find_element(By.ID, "truth").get_attribute("aria-label")
    assert "test clip 3, frame 2" in label


def test_frames_of_an_autoencoder_are_called_reconstructed(browser, tmp_path):
    browser.get(write_comparison([make_reconstruction(tmp_path)], tmp_path / "page").as_uri())
    for frame in (1, 3):
        scrub(browser, frame)
        assert f"frame {frame} of 3, reconstructed" in said(browser)
    gallery = browser.find_element(By.ID, "gallery")
    captions = [caption.text for caption in gallery.find_elements(By.TAG_NAME, "figcaption")]
    assert captions == ["Truth", "Reconstruction", "|Truth − reconstruction|"]
    label = browser.find_element(By.ID, "prediction").get_attribute("aria-label")
    assert label.startswith("Reconstruction of Autoencoder")


def test_another_model_shows_its_prediction(page, runs):
    model = Select(page.find_element(By.ID, "model"))
    names = [option.text for option in model.options]
    assert names == ["E3D-LSTM with Residuals", "Whole", "Copy last frame"]
    scrub(page, 5)
    model.select_by_visible_text("Whole")
    _, prediction = read_arrays(runs[1].samples, read_evaluated_run(runs[1]).samples[0])
    until(lambda: np.array_equal(shown(page, "prediction"), prediction[1, ..., 0]))
    model.select_by_visible_text("E3D-LSTM with Residuals")


def test_play_runs_through_the_frames_and_stops(page):
    play = page.find_element(By.ID, "play")
    scrub(page, 1)
    play.send_keys(Keys.SPACE)
    assert play.get_attribute("aria-pressed") == "true"
    until(lambda: said(page).startswith("frame 3 of"))
    play.send_keys(Keys.SPACE)
    assert play.text == "Play"
    time.sleep(0.3)
    before = said(page)
    time.sleep(0.7)
    assert said(page) == before


def test_sorting_sorts_by_number_and_back(page):
    table = page.find_element(By.CSS_SELECTOR, "#results table")
    button = table.find_elements(By.CSS_SELECTOR, "thead button")[1]  # mse

    def column():
        cells = table.find_elements(By.CSS_SELECTOR, "tbody tr td:nth-child(2)")
        return [float(cell.text.split()[0].replace(",", "")) for cell in cells]

    unsorted = column()
    button.send_keys(Keys.ENTER)
    assert column() == sorted(unsorted)
    button.send_keys(Keys.ENTER)
    assert column() == sorted(unsorted, reverse=True)
    assert column() != unsorted
    assert button.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_screen(page, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.execute_script(over) <= 0


def test_dark_and_light_differ(page):
    grounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        grounds.append(
            page.execute_script("return getComputedStyle(document.body).backgroundColor")
        )
    assert grounds == ["rgb(255, 255, 255)", "rgb(21, 24, 27)"]


def test_on_a_telephone_nothing_but_tables_and_wide_figures_is_wider_than_the_screen(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") == 390
        widths = [each.rect["width"] for each in page.find_elements(By.CSS_SELECTOR, ".chart img")]
        assert widths
        assert all(340 < width <= 390 for width in widths)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_charts_in_a_row_have_one_legend_and_are_drawings(page):
    assert len(page.find_elements(By.CSS_SELECTOR, "img.legend")) == 1
    charts = page.find_elements(By.CSS_SELECTOR, ".charts img")
    assert len(charts) == 2
    assert all(c.get_attribute("src").startswith("data:image/svg+xml") for c in charts)
    assert charts[0].rect["y"] == charts[1].rect["y"]
