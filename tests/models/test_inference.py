import numpy as np
import pytest

from common.errors import InputError
from models.heads import HeadConfig
from models.training import TrainedHead, TrainingConfig, train_head
from tests.models.conftest import BINARY, N_FEATURES, SMALL_HEADS, MakeRecording

SETTINGS = TrainingConfig(window_frames=20, batch_windows=3, epochs=1, min_steps_per_epoch=1)


def trained(head: HeadConfig, make_recording: MakeRecording) -> TrainedHead:
    return train_head(BINARY, head, SETTINGS, [make_recording(50)], None, seed=1, n_epochs=1)[0]


def test_any_number_of_frames(small_head: HeadConfig, make_recording: MakeRecording) -> None:
    head = trained(small_head, make_recording)
    embeddings = make_recording(130, seed=4).embeddings
    whole = head.predict(embeddings)
    for n_frames in (0, 1, 19, 20, 21, 60, 61, 130):
        probability = head.predict(embeddings[:n_frames])
        assert probability.shape == (n_frames,)
        assert probability.dtype == np.float32
        assert ((probability >= 0) & (probability <= 1)).all()
        complete = n_frames // 20 * 20
        assert np.array_equal(probability[:complete], whole[:complete]), "whole windows do not depend on the rest"


def test_windows_do_not_see_each_other(make_recording: MakeRecording) -> None:
    head = trained(SMALL_HEADS["lstm-bidirectional"], make_recording)
    embeddings = make_recording(40).embeddings
    apart = [head.predict(embeddings[:20]), head.predict(embeddings[20:])]
    np.testing.assert_allclose(head.predict(embeddings), np.concatenate(apart), atol=1e-6)


def test_features_of_another_backbone_are_refused(make_recording: MakeRecording) -> None:
    head = trained(SMALL_HEADS["logistic"], make_recording)
    with pytest.raises(InputError, match=f"{N_FEATURES}.*\\(7, 4\\)"):
        head.predict(np.zeros((7, 4), np.float32))


def test_the_model_holds_the_heads_own_weights(make_recording: MakeRecording) -> None:
    first = trained(SMALL_HEADS["logistic"], make_recording)
    train_head(BINARY, SMALL_HEADS["logistic"], SETTINGS, [make_recording(50)], None, seed=2, n_epochs=1)
    for kept, own in zip(first.model.get_weights(), first.weights, strict=True):
        assert np.array_equal(kept, own)
