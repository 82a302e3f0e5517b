"""How a head is trained: the settings of an experiment's `training` section."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

# In how much of the most epochs that are allowed training usually has stopped.
_SHARE_OF_EPOCHS = 0.5


class TrainingConfig(BaseModel):
    """Settings shared by all heads; the defaults are the thesis' where it states them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_frames: int = Field(
        default=300, ge=1, le=100_000, description="frames in a window; at most as many as the longest recording has"
    )
    batch_windows: int = Field(
        default=8, ge=1, le=4096, description="windows in a batch; at most as many as all recordings are cut into"
    )
    epochs: int = Field(default=50, ge=1, le=10_000, description="epochs at most")
    patience: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="epochs without a better validation average precision before training stops",
    )
    min_epochs: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="the first epoch that may be kept; patience counts from there. One validation recording can "
        "favor a head that has hardly begun to learn",
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=10, description="Adam's learning rate")
    clip_norm: float = Field(
        default=1.0, ge=0, le=1_000_000, description="length to which longer gradients are cut; 0 = never"
    )
    standardize: bool = Field(
        default=True, description="bring each feature to mean 0 and deviation 1 by the training recordings"
    )
    deviation_floor: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="standardize divides no feature by less than this share of the features' root mean square "
        "deviation, so that faint features are not amplified; 0 for features in mixed units",
    )
    reduce_features: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="let the head see so many principal components of the training recordings' features (after "
        "standardize) in place of the features themselves, so that wide ones train faster; 0 = all features, which "
        "the baseline always sees. At most as many as there are features and training frames",
    )
    class_weights: bool = Field(
        default=True, description="let positives and negatives count the same in total (thesis, eq. 4.1)"
    )
    random_offsets: bool = Field(default=True, description="cut the windows at another place in each pass")
    min_steps_per_epoch: int = Field(
        default=20, ge=1, le=10_000, description="steps in an epoch at least; few recordings are passed several times"
    )

    def bounded_by(self, n_frames: Sequence[int], n_features: int) -> "TrainingConfig":
        """The same for recordings of so many analysed frames: more than all data would be padding and repetition.

        No window is longer than the longest recording, and no batch has more windows than all are cut into; features
        that are not more than `reduce_features` stay as they are.
        """
        window_frames = min(self.window_frames, max([1, *n_frames]))
        n_windows = sum(-(-n // window_frames) for n in n_frames)
        batch_windows = min(self.batch_windows, max(1, n_windows))
        reduce_features = self.reduce_features if self.reduce_features < n_features else 0
        return self.model_copy(
            update={
                "window_frames": window_frames,
                "batch_windows": batch_windows,
                "reduce_features": reduce_features,
            }
        )

    def steps_per_epoch(self, n_frames: Sequence[int]) -> int:
        """Steps in which frames of recordings of these lengths are passed about once, or the least number asked for."""
        n_windows = sum(-(-n // self.window_frames) for n in n_frames)
        return max(self.min_steps_per_epoch, -(-n_windows // self.batch_windows))

    def expected_epochs(self) -> float:
        """Epochs after which early stopping is expected: halfway to the most that are allowed."""
        return min(self.epochs, max(_SHARE_OF_EPOCHS * self.epochs, self.min_epochs + self.patience))

    def expected_steps(self, train: Sequence[int], refit: Sequence[int] = ()) -> float:
        """Steps until early stopping is expected, and those of the head that is then trained on `refit`, if any.

        Parameters
        ----------
        train, refit : sequence of int
            Analysed frames of each recording that is learned from.
        """
        steps = self.expected_epochs() * self.steps_per_epoch(train)
        return steps + (self.best_epoch() * self.steps_per_epoch(refit) if refit else 0.0)

    def best_epoch(self) -> float:
        """The epoch that is expected to be the best: training goes on for `patience` epochs more."""
        return max(1.0, self.expected_epochs() - self.patience)
