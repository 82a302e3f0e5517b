"""A head that diverges ends its own experiment, not the night's others."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.command_line import main
from pipeline.run_folder.run_dir import RunDir
from tests.lab import make_embedded_lab


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_the_experiment_after_one_that_diverges_still_runs(tmp_path: Path, capsys):
    good = make_embedded_lab(tmp_path, n_train=3, n_test=0)
    bad = make_embedded_lab(tmp_path / "wild", n_train=3, n_test=0)
    for path in bad.parent.glob("*.npy"):
        np.save(path, np.load(path) * np.float32(1e37))
    text = bad.read_text(encoding="utf-8").replace("name: tiny", "name: wild").replace("/wild/runs", "/runs")
    text = text.replace("learning_rate: 0.1", "learning_rate: 10, clip_norm: 0, standardize: false")
    # Other processes have to tell of it.
    bad.write_text(text.replace("workers: 1", "workers: 2"), encoding="utf-8")
    settings = ["head={name: logistic}", "baseline=none", "cross_validation=none"]
    assert main([str(bad), str(good), *(word for setting in settings for word in ("--set", setting))]) == 2
    assert RunDir(tmp_path / "runs" / "tiny").is_finished()
    assert not RunDir(tmp_path / "runs" / "wild").is_finished()
    told = " ".join(capsys.readouterr().err.split())
    assert "the experiment wild was not finished: Training diverged" in told
