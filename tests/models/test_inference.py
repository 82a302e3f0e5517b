import numpy as np
import pytest

from common.errors import InputError
from models.heads import HeadConfig
from models.training import TrainedHead, TrainingConfig, train_head
from tests.models.conftest import BINARY, N_FEATURES, SMALL_HEADS, MakeRecording

SETTINGS = TrainingConfig(window_frames=20, batch_windows=3, epochs=1, min_steps_per_epoch=1)


def trained(head: HeadConfig, make_recording: MakeRecording) -> TrainedHead:
    return train_head(BINARY, head, SETTINGS, [make_recording(50)], None, seed=1, n_epochs=1)[0]


def test_any_number_of_frames(trainable_head: HeadConfig, make_recording: MakeRecording) -> None:
    head = trained(trainable_head, make_recording)
    embeddings = make_recording(130, seed=4).embeddings
    for n_frames in (0, 1, 19, 20, 21, 60, 61, 130):
        probability = head.predict(embeddings[:n_frames])
        assert probability.shape == (n_frames,)
        assert probability.dtype == np.float32
        assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize(
    ("name", "n_before", "n_after"), [("lstm-bidirectional", 3, 3), ("lstm", 3, 0), ("logistic", 0, 0)]
)
def test_every_frame_is_predicted_from_what_surrounds_it(
    name: str, n_before: int, n_after: int, make_recording: MakeRecording
) -> None:
    """No matter where windows meet, a sixth of a window (of 20) counts on the sides that a head sees."""
    head = trained(SMALL_HEADS[name], make_recording)
    embeddings = np.asarray(make_recording(101).embeddings)
    probability = head.predict(embeddings)
    for changed in range(101):
        other = embeddings.copy()
        other[changed] += 3
        moved = np.flatnonzero(head.predict(other) != probability)
        assert {*range(max(0, changed - n_after), min(101, changed + n_before + 1))} <= {*moved}
        assert n_after or moved.min() == changed, "what comes later must not matter"


def test_nothing_jumps_where_windows_meet(make_recording: MakeRecording) -> None:
    """A head that ramps up from a window's begin: in a recording without events, only the begin is a ramp."""
    head = trained(SMALL_HEADS["lstm"], make_recording)
    probability = head.predict(np.ones((200, N_FEATURES), np.float32))
    height = abs(probability[12] - probability[0])
    assert height > 0.03
    assert np.abs(np.diff(probability[12:])).max() < height / 3


def test_a_recording_that_fits_one_window_is_predicted_by_it(make_recording: MakeRecording) -> None:
    head = trained(SMALL_HEADS["lstm-bidirectional"], make_recording)
    embeddings = np.asarray(make_recording(20).embeddings)
    in_window = head.network.predict_windows(embeddings[None], np.ones((1, 20), bool))[0]
    assert np.array_equal(head.predict(embeddings), in_window)


def test_features_of_another_backbone_are_refused(make_recording: MakeRecording) -> None:
    head = trained(SMALL_HEADS["logistic"], make_recording)
    with pytest.raises(InputError, match=f"{N_FEATURES}.*\\(7, 4\\)"):
        head.predict(np.zeros((7, 4), np.float32))


def test_the_model_holds_the_heads_own_weights(make_recording: MakeRecording) -> None:
    first = trained(SMALL_HEADS["logistic"], make_recording)
    train_head(BINARY, SMALL_HEADS["logistic"], SETTINGS, [make_recording(50)], None, seed=2, n_epochs=1)
    for kept, own in zip(first.model.get_weights(), first.weights, strict=True):
        assert np.array_equal(kept, own)
