"""What every head is: a frozen config that can build its own network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import keras

    from models.fitting import FitInput, Fitted
    from models.tasks import Task


class HeadConfig(BaseModel):
    """Settings of a head; each subclass stands beside the `body` that it describes, and a task closes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str

    learns_by_epochs: ClassVar[bool] = True
    """False where all is learned at once: no validation recordings stop it, and it counts time in seconds."""

    def fit(self, given: FitInput) -> Fitted | None:
        """Learn and predict; None = a network, which `models.training.fit_network` trains by epochs.

        Raises
        ------
        InputError
            If the training frames lack what the task needs.
        """
        return None

    def reduced_to(self, n_features: int) -> int:
        """Principal components in place of so many features where it is a baseline; 0 = all features."""
        return 0

    @property
    def sees_around(self) -> bool:
        """Whether a frame's prediction depends on other frames of its window."""
        return True

    @property
    def output_l2(self) -> float:
        """Penalty on the squared weights of the last layer."""
        return 0.0

    def body(self, embeddings: Any, mask: Any) -> Any:
        """Turn embeddings into what the last layer weighs and sums, shape (batch, window_frames, n_hidden).

        What is padded must not change what stands at a frame that is not.

        Parameters
        ----------
        embeddings : KerasTensor, shape (batch, window_frames, n_features), float32
        mask : KerasTensor, shape (batch, window_frames), bool
            False at the padded end of a window.
        """
        raise TypeError(f"{type(self).__name__} describes no network; choose one of models.heads.HEADS")

    def build(self, n_features: int, window_frames: int, task: Task, frame_shape: tuple[int, ...]) -> keras.Model:
        """Build the network with fresh weights drawn from Keras' global seed.

        Returns
        -------
        keras.Model
            With the inputs ``embeddings`` and ``mask`` (see `body`) and the output ``probability`` (batch,
            window_frames, *frame_shape). The layer named ``logit`` holds what the task's activation is taken of.
        """
        import keras

        embeddings = keras.Input((window_frames, n_features), name="embeddings", dtype="float32")
        mask = keras.Input((window_frames,), name="mask", dtype="bool")
        output = task.close(self.body(embeddings, mask), frame_shape, self.output_l2)
        # Without a name it would be numbered, by what this process has built before.
        return keras.Model([embeddings, mask], output, name="head")
