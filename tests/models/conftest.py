"""Small recordings and small heads, so that tracing a network takes about a second."""

from collections.abc import Callable

import numpy as np
import pytest

from models.heads import HeadConfig
from models.heads.logistic import LogisticConfig
from models.heads.lstm import LstmConfig
from models.heads.tcn import TcnConfig
from models.heads.transformer import TransformerConfig
from models.tasks import TASKS
from models.windows import FeatureSequence

N_FEATURES = 5
BINARY = TASKS["binary"]()

MakeRecording = Callable[..., FeatureSequence]

SMALL_HEADS: dict[str, HeadConfig] = {
    "logistic": LogisticConfig(),
    "lstm": LstmConfig(layers=2, units=4),
    "lstm-bidirectional": LstmConfig(layers=2, units=4, bidirectional=True),
    "tcn-batch": TcnConfig(filters=4, dilations=(1, 2)),
    "tcn-batch-same": TcnConfig(blocks=2, filters=4, dilations=(1, 2), padding="same"),
    "tcn-weight-causal": TcnConfig(filters=4, dilations=(1, 2), norm="weight"),
    "tcn-none-same": TcnConfig(filters=4, dilations=(1, 2), padding="same", norm="none"),
    "transformer": TransformerConfig(width=4, heads=2, layers=1, positions="relative", attention_frames=3),
}


@pytest.fixture(params=list(SMALL_HEADS))
def small_head(request: pytest.FixtureRequest) -> HeadConfig:
    """Each head of the table, in the variants that are computed differently."""
    return SMALL_HEADS[request.param]


@pytest.fixture(params=["logistic", "lstm-bidirectional", "tcn-batch-same", "tcn-weight-causal", "transformer"])
def trainable_head(request: pytest.FixtureRequest) -> HeadConfig:
    """Those of the small heads that differ in what is trained and stored; compiling each takes seconds."""
    return SMALL_HEADS[request.param]


@pytest.fixture
def make_recording() -> MakeRecording:
    """A recording whose first feature is raised in the frames where the behavior is shown."""

    def make(n_frames: int = 60, seed: int = 0, name: str = "m1", strength: float = 2.0) -> FeatureSequence:
        rng = np.random.default_rng(seed)
        active = (np.arange(n_frames) + seed) % 10 < 3
        embeddings = rng.normal(size=(n_frames, N_FEATURES)).astype(np.float32)
        embeddings[:, 0] += strength * active
        return FeatureSequence(name, embeddings, active, np.ones(n_frames, bool))

    return make
