"""What a first experiment is proposed, and what it is said to cost, on computers of known speed."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.commands.init as init_command
from pipeline.commands.init import run_init_command
from pipeline.config.schema import load_config
from pipeline.scoring.postprocessing.tuning import TuningConfig
from pipeline.starter.proposal import (
    OVERNIGHT_S,
    Choice,
    Proposal,
    Speed,
    Work,
    cost_of,
    propose,
    window_frames,
)
from pipeline.starter.proposal_words import cost_line, part_words
from pipeline.starter.speed import measure_speed, px_per_s
from pipeline.training.cost import StepCost, expected_seconds
from tests.lab import known_labels, write_labels, write_poses, write_video
from tests.pipeline.training.test_plan import plan_of

HOUR_FRAMES = 30 * 3600
QUICK, SLOW = Speed(6e8, 250.0, "openvino", 2), Speed(6e8, 20.0, "tensorflow", 2)


def work_of(n: int, n_frames: int, n_heads: int = 3, fps: float = 30.0) -> Work:
    return Work((n_frames,) * n, (n_frames,) * n, n, n_heads, n * n_frames * 640 * 480.0, fps)


@pytest.mark.parametrize(
    ("work", "speed", "choice"),
    [
        (work_of(6, 9000), QUICK, Choice("mobilenet_v2", 1, 0)),
        (work_of(12, HOUR_FRAMES), QUICK, Choice("mobilenet_v2", 2, 0)),
        (work_of(12, HOUR_FRAMES), SLOW._replace(gflop=60.0), Choice("compact", 2, 5)),
        (work_of(12, HOUR_FRAMES), SLOW, Choice("compact", 3, 5)),  # not even that ends: it is the quickest
        (work_of(40, 9000, n_heads=6), QUICK, Choice("mobilenet_v2", 1, 5)),  # 246 heads
        (work_of(32, 3000, n_heads=6), QUICK, Choice("mobilenet_v2", 1, 0)),  # 198
        (work_of(3, 9000, n_heads=80), QUICK, Choice("mobilenet_v2", 1, 0)),  # no fewer parts than that
        (replace(work_of(40, 60), is_in_parts=True), QUICK, Choice("mobilenet_v2", 1, 5)),
        (replace(work_of(6, 9000), runs_network=False, n_other=24), SLOW, Choice("", 1, 0)),
        (work_of(12, HOUR_FRAMES), None, Choice("resnet50v2", 1, 0)),  # a GPU
        (work_of(40, HOUR_FRAMES, n_heads=6), None, Choice("resnet50v2", 1, 5)),
    ],
)
def test_the_best_is_proposed_that_ends_overnight(work: Work, speed: Speed | None, choice: Choice):
    found = propose(work, speed)
    assert found.choice == choice
    if speed is None:
        assert found.has_gpu and not found.costs
        return
    assert found.choice in dict(found.costs) and found.cost == cost_of(work, speed, choice)
    assert (found.cost.total_s <= OVERNIGHT_S) == (choice != Choice("compact", 3, 5))
    assert (len(found.costs), bool(part_words(found))) == (3 if choice.network else 1, bool(found.n_heads_each))


def test_frames_are_decoded_once_and_cropped_for_every_network():
    work = Work((1000, 500), (1000,), 3, decoded_px=6e6, has_movement=False)
    speed = Speed(2e6, 10.0, "openvino", 1)
    every, third = (cost_of(work, speed, Choice("resnet50v2", step, 0)).features_s for step in (1, 3))
    assert every == pytest.approx(6e6 / 2e6 + 1500 * 8.0 / 10)
    assert third == pytest.approx(6e6 / 2e6 + (334 + 167) * 8.0 / 10)
    both = cost_of(replace(work, has_movement=True), speed, Choice("resnet50v2", 1, 0)).features_s
    assert both == pytest.approx(every + 1500 * 0.1 / 10)


@pytest.mark.parametrize(("n", "parts"), [(4, 0), (12, 5)])
def test_heads_are_counted_and_reckoned_as_the_plan_of_the_experiment_does(n: int, parts: int):
    names = [f"r{i:02d}" for i in range(n)]
    cross_validation = {"cross_validation": parts or "leave_one_video_out", "baseline": "none"}
    plans = [plan_of(names, **cross_validation, postprocess=ways, tuning={})[0] for ways in ({}, "tune")]
    work = Work((60_000,) * n, (60_000,) * n, n)
    cost = cost_of(work, Speed(0.0, 1.0, "openvino", 1), Choice("compact", 1, parts))
    assert (cost.n_heads, cost.n_tuned) == (plans[0].n_fits, plans[1].n_fits - plans[0].n_fits)
    # The plan's recordings are shorter than a window, so that its windows are, too.
    (training,) = {(fit.training.window_frames, fit.training.batch_windows) for fit in plans[0].cross_fits()}
    step_s = (0.8 + 8 * 300 * (1.9e-3 + 2.3e-6 * 640)) * math.prod(training) / (300 * 8)
    expected_s = expected_seconds(plans[0], dict.fromkeys(names, 60_000), StepCost(step_s, 0.0), 1)
    assert cost.heads_s == pytest.approx(expected_s, rel=0.1)


@pytest.mark.parametrize(
    ("n_frames", "frame_step", "window"),
    [
        ([2000] * 4, 1, 300),
        ([2000] * 4, 3, 100),
        ([120] * 4, 1, 120),
        ([120] * 4, 3, 40),
        ([*[2000] * 19, 12], 1, 300),  # a single short one of twenty
        ([2000, 12], 1, 30),  # half of them; but a second's worth
        ([9, 12, 0], 1, 12),
        ([0, 0], 2, 150),
    ],
)
def test_windows_are_no_longer_than_the_shortest_recordings(n_frames: list[int], frame_step: int, window: int):
    assert window_frames(n_frames, frame_step) == window


def test_costs_are_said_in_words():
    proposal = propose(work_of(40, 9000, n_heads=6), QUICK)
    lines = [cost_line(choice, cost, proposal).replace("\xa0", " ") for choice, cost in proposal.costs]
    assert lines[0].startswith("compact, every frame: ") and "written" not in lines[0]
    assert lines[1].startswith("MobileNetV2, every frame: ") and lines[1].endswith("(written into the YAML)")
    assert lines[2].startswith("ResNet50V2, every frame: ") and "as published" in lines[2]
    assert "246 heads" in part_words(proposal) and "trains 36" in part_words(proposal)
    assert part_words(Proposal()) == ""


class Clock:
    """Goes on by so much whenever it is looked at."""

    def __init__(self, tick_s: float) -> None:
        self.now_s, self.tick_s = 0.0, tick_s

    def __call__(self) -> float:
        self.now_s += self.tick_s
        return self.now_s


def test_speeds_are_those_of_the_clock():
    assert px_per_s(iter([(20, 10)] * 4), Clock(0.01)) == pytest.approx(3 * 200 / 0.03)
    assert px_per_s(iter([(20, 10)] * 100), Clock(0.25)) == pytest.approx(200 / 0.25)  # two, and it is enough
    assert px_per_s(iter([(20, 10)]), Clock(0.01)) == px_per_s(iter([]), Clock(0.01)) == 0.0
    one, slow = measure_speed(None, Clock(0.1)), measure_speed(None, Clock(0.2))
    assert one.decoded_px == 0.0 and one.gflop == pytest.approx(2 * slow.gflop)
    assert one.gflop == pytest.approx(one.n_cores * 2 * 1024**3 / 1e9 / 0.1)


def make_lab(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        write_video(folder / f"mouse{i}.avi", known_labels(i))
        write_poses(folder / f"mouse{i}_dlc.csv", 120)
        write_labels(folder / f"mouse{i} labels.csv", known_labels(i))
    return folder


def test_the_yaml_has_what_is_proposed_and_says_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lab = make_lab(tmp_path / "lab", 3)
    run_init_command([str(lab)])
    config = load_config(lab / "lab.yaml")
    assert config.backbone is not None and config.backbone.name == "mobilenet_v2" and config.frame_step == 1
    assert config.training.window_frames == 120, "as long as the videos"
    text = (lab / "lab.yaml").read_text(encoding="utf-8").replace("\xa0", " ")
    assert "#   MobileNetV2, every frame: " in text and "#   ResNet50V2, every frame: " in text
    n_tuned = 2 * 3 * (TuningConfig().inner_folds + 1)
    assert f"# or: postprocess: tune, chosen by {n_tuned} heads more" in text
    assert "No GPU was found" in capsys.readouterr().out
    monkeypatch.setattr(init_command, "sees_gpu", lambda: True)
    run_init_command([str(lab), "--overwrite"])
    config = load_config(lab / "lab.yaml")
    assert config.backbone is not None and config.backbone.name == "resnet50v2" and config.frame_step == 1
    assert "There is a GPU" in (lab / "lab.yaml").read_text(encoding="utf-8")
    assert "How long" not in capsys.readouterr().out
