"""What BORIS itself says of our exports: opened, checked, imported, pasted and exported by its own code.

Skipped where BORIS isn't installed (``pip install boris-behav-obs``, best into an environment of its own, since it
asks for versions of its own). No window is opened and no video is played: its functions are called with a stand-in
for its main window, and its package is entered past its front door, which would load the players of sound and video.
"""

import copy
import importlib
import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.exports import EXPORTS
from pipeline.exports.boris_paste import paste_text
from pipeline.exports.boris_project import boris_project
from pipeline.exports.boris_xlsx import workbook_bytes
from pipeline.exports.recording import HUMAN, NO_DATE, PREDICTED, ExportRecording
from pipeline.scoring.bouts.bouts import Bout

_SPEC = importlib.util.find_spec("boris")
if _SPEC is None or _SPEC.submodule_search_locations is None:
    pytest.skip("BORIS is not installed (pip install boris-behav-obs)", allow_module_level=True)
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_PACKAGE = types.ModuleType("boris")
_PACKAGE.__path__ = list(_SPEC.submodule_search_locations)
sys.modules["boris"] = _PACKAGE
sys.path += _PACKAGE.__path__  # BORIS 9 imports some of its modules as if they lay outside of it
sys.modules["boris.mpv2"] = _player = types.ModuleType("boris.mpv2")
_player.sofile = _player.dll = ""  # type: ignore[attr-defined]  # BORIS looks for the library of the player at once
cfg, event_operations, export_observation, import_observations, project_functions, utilities = (
    importlib.import_module(f"boris.{name}")
    for name in (
        "config", "event_operations", "export_observation", "import_observations", "project_functions", "utilities",
    )
)  # fmt: skip

RATES = (10, 25, 29.97, 30000 / 1001, 30, 59.94, 120, 239.76, 250)
BEHAVIORS = ("groom", "Aufrichten (Wand)", "räkeln 伸び", "never")
N_FRAMES = 1001


def _bouts() -> list[Bout]:
    """Of one frame, touching, overlapping with another behavior, at the first and up to the last frame."""
    groom = [(0, 1), (1, 2), (5, 9), (9, 14), (333, 334), (1000, 1001)]
    rear = [(0, 7), (8, 12), (600, 1001)]
    stretch = [(i, i + 1) for i in range(200, 400, 2)]
    return [Bout(name, *run) for name, runs in zip(BEHAVIORS, (groom, rear, stretch), strict=False) for run in runs]


@pytest.fixture(params=RATES, ids=lambda fps: f"{fps:.3f} fps")
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> ExportRecording:
    """A recording whose video is there."""
    video = tmp_path / "mouse ä.mp4"
    video.write_bytes(b"no video")
    human = [Bout("groom", 3, 30)]
    return ExportRecording("m 1", video, round(request.param, 6), N_FRAMES, {PREDICTED: _bouts(), HUMAN: human})


def _opened(folder: Path, recording: ExportRecording) -> tuple[Path, dict[str, Any]]:
    """The project as BORIS holds it in memory after opening the file."""
    [file] = EXPORTS["boris"].files([recording], BEHAVIORS, "exp1")
    path = folder / file.path
    path.write_bytes(file.content)
    name, changed, project, message = project_functions.open_project_json(str(path))
    assert (name, changed, message) == (str(path), False, "") and "error" not in project
    return path, project


def _saved(path: Path, project: dict[str, Any]) -> Path:
    """Write a project as BORIS does."""
    path.write_text(json.dumps(project, default=utilities.decimal_default, indent=1), encoding="utf-8")
    return path


def _read(path: Path, recording: ExportRecording, observation: str = "m 1") -> list[Bout]:
    choice = AnnotationChoice(observation=observation)
    found = read_annotation(path, N_FRAMES, recording.fps, choice=choice, video_name="mouse ä.mp4")
    assert isinstance(found, EventList)
    return sorted(found.bouts)


def _selection() -> dict[str, Any]:
    return {
        cfg.SELECTED_SUBJECTS: [cfg.NO_FOCAL_SUBJECT],
        cfg.SELECTED_BEHAVIORS: list(BEHAVIORS),
        "time": cfg.TIME_FULL_OBS,
    }


def _window(monkeypatch: pytest.MonkeyPatch, project: dict[str, Any], observation: str) -> types.SimpleNamespace:
    """What BORIS' functions ask of its main window; a warning in a box fails the test."""

    def warn(*texts: object) -> None:
        pytest.fail(f"BORIS warns: {texts}")

    for module in (import_observations, event_operations):
        box = types.SimpleNamespace(warning=warn, critical=warn, information=lambda *_: None)
        for name in ("Ok", "Default", "NoButton", "StandardButton", "Warning"):
            setattr(box, name, getattr(module.QMessageBox, name, None))
        monkeypatch.setattr(module, "QMessageBox", box)
    return types.SimpleNamespace(
        pj=project,
        observationId=observation,
        playerType=cfg.MEDIA,
        project_changed=lambda: None,
        load_tw_events=lambda _: None,
        update_realtime_plot=lambda **_: None,
    )


def test_boris_opens_the_project_and_has_nothing_to_complain_of(recording: ExportRecording, tmp_path: Path) -> None:
    path, project = _opened(tmp_path, recording)
    assert project_functions.check_project_integrity(project, cfg.HHMMSS, str(path), True) == ""
    for observation in ("m 1", "m 1 (human)"):
        checked = project_functions.check_state_events_obs(
            observation, project[cfg.ETHOGRAM], project[cfg.OBSERVATIONS][observation]
        )
        assert checked == (True, "No problem detected")
    assert not project_functions.check_coded_behaviors(project)


def test_the_project_has_the_keys_of_one_that_boris_makes(recording: ExportRecording) -> None:
    project = boris_project([recording], BEHAVIORS, "exp1")
    assert not set(cfg.EMPTY_PROJECT) - set(project)
    assert project[cfg.PROJECT_VERSION] == cfg.project_format_version


def test_what_boris_saves_reads_as_before(recording: ExportRecording, tmp_path: Path) -> None:
    _, project = _opened(tmp_path, recording)
    path = _saved(tmp_path / "saved.boris", project)
    assert _read(path, recording) == sorted(_bouts())
    assert _read(path, recording, "m 1 (human)") == [Bout("groom", 3, 30)]


def test_the_aggregated_export_of_boris_has_our_bouts(recording: ExportRecording, tmp_path: Path) -> None:
    _, project = _opened(tmp_path, recording)
    table, _ = export_observation.export_aggregated_events(project, _selection(), "m 1")
    found = []
    for row in table:
        kind = row.index(cfg.STATE)
        start_s, stop_s = (float(text) for text in row[kind + 1 : kind + 3])
        bout = Bout(row[kind - 2], *(int(frame) for frame in row[kind + 5 : kind + 7]))
        assert [round(start_s * recording.fps), round(stop_s * recording.fps)] == [bout.start_frame, bout.stop_frame]
        found.append(bout)
    assert sorted(found) == sorted(_bouts())


def test_the_tabular_export_of_boris_has_our_bouts_to_the_last(recording: ExportRecording, tmp_path: Path) -> None:
    _, project = _opened(tmp_path, recording)
    path = tmp_path / "tabular.tsv"
    done = export_observation.export_tabular_events(
        project, _selection(), "m 1", project[cfg.OBSERVATIONS]["m 1"], project[cfg.ETHOGRAM], str(path), "tsv"
    )
    assert done == (True, "")
    found = read_annotation(path, N_FRAMES, recording.fps, video_name="mouse ä.mp4")
    assert isinstance(found, EventList) and found.format == "boris_tabular" and not found.notes
    assert sorted(found.bouts) == sorted(_bouts())


def test_boris_imports_the_workbook_into_an_empty_observation(
    recording: ExportRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, project = _opened(tmp_path, recording)
    project[cfg.OBSERVATIONS]["m 1"][cfg.EVENTS] = []
    path = tmp_path / "events.xlsx"
    path.write_bytes(workbook_bytes(recording, _bouts(), NO_DATE))
    import_observations.load_observations_from_spreadsheet(_window(monkeypatch, project, "m 1"), str(path))
    assert len(project[cfg.OBSERVATIONS]["m 1"][cfg.EVENTS]) == 2 * len(_bouts())
    saved = _saved(tmp_path / "imported.boris", project)
    assert _read(saved, recording) == sorted(_bouts())
    *_, again, _ = project_functions.open_project_json(str(saved))
    assert project_functions.check_project_integrity(again, cfg.HHMMSS, str(saved), True) == ""


def test_boris_pastes_the_text_into_an_empty_observation(
    recording: ExportRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, project = _opened(tmp_path, recording)
    opened = copy.deepcopy(project[cfg.OBSERVATIONS]["m 1"][cfg.EVENTS])
    project[cfg.OBSERVATIONS]["m 1"][cfg.EVENTS] = []
    window = _window(monkeypatch, project, "m 1")
    clipboard = types.SimpleNamespace(text=lambda: paste_text(_bouts(), recording.fps))
    monkeypatch.setattr(event_operations, "QApplication", types.SimpleNamespace(clipboard=lambda: clipboard))
    for _ in range(2):  # a second time must change nothing
        event_operations.paste_clipboard_to_events(window)
        assert project[cfg.OBSERVATIONS]["m 1"][cfg.EVENTS] == opened
    assert _read(_saved(tmp_path / "pasted.boris", project), recording) == sorted(_bouts())
