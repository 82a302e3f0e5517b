"""From predictions to a run that learned from their corrections, as a user does it: three commands and a browser."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command_line import main
from tests.browser import BROWSER, needs_browser
from tests.lab import BEHAVIORS, N_FRAMES, make_video_lab

pytestmark = needs_browser
ROOT = Path(__file__).parents[3]


def labels(run: Path, recording: str) -> pd.DataFrame:
    return pd.read_csv(run / "labels" / f"{recording}.csv", index_col="frame")


def correct_two_places(url: str) -> str:
    """Add a bout of either behavior and save; what the page says is to be typed next."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}v0.html")
        page.wait_for_selector("body[data-ready]", timeout=20000)
        for pen, place in (("1", "Home"), ("2", "End")):
            for key in (pen, place, "a"):
                page.keyboard.press(key)
        page.keyboard.press("Control+s")
        told = page.locator("[data-key='next'] code").text_content()
        browser.close()
    return told


def test_run_review_correct_and_run_again_in_three_commands(tmp_path: Path, monkeypatch, no_figures):
    make_video_lab(tmp_path)
    run = tmp_path / "runs" / "tiny"
    quick = ["--set", "baseline=none", "--set", "head={name: logistic}"]
    monkeypatch.setattr(sys, "argv", ["run_experiment.py", str(tmp_path / "experiment.yaml"), *quick])
    assert main(sys.argv[1:]) == 0

    command = [sys.executable, str(ROOT / "run_experiment.py"), "review", str(run), "--serve", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as review:
        try:
            line = next(line for line in review.stdout if line.startswith("Open "))
            told = correct_two_places(line.removeprefix("Open ").strip())
        finally:
            review.terminate()

    program, script, *arguments = shlex.split(told)
    assert (program, script) == ("python", "run_experiment.py")
    assert main(arguments) == 0
    again = Path(arguments[arguments.index("--output") + 1])
    corrected = np.zeros((N_FRAMES, len(BEHAVIORS)), dtype=int)
    for bout in pd.read_csv(run / "corrections" / "v0.csv").itertuples():
        corrected[bout.start_frame : bout.stop_frame, BEHAVIORS.index(bout.behavior)] = 1
    learned = labels(again, "v0")[list(BEHAVIORS)].to_numpy()
    assert (learned == corrected).all()
    assert (learned != labels(run, "v0")[list(BEHAVIORS)].to_numpy()).any(axis=0).all()
    pd.testing.assert_frame_equal(labels(run, "v1"), labels(again, "v1"))
