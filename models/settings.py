"""How a head is trained: the settings of an experiment's `training` section."""

from pydantic import BaseModel, ConfigDict, Field


class TrainingConfig(BaseModel):
    """Settings shared by all heads; the defaults are the thesis' where it states them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_frames: int = Field(default=300, ge=1, description="frames in a window")
    batch_windows: int = Field(default=8, ge=1, description="windows in a batch")
    epochs: int = Field(default=50, ge=1, description="epochs at most")
    patience: int = Field(
        default=5,
        ge=1,
        description="epochs without a better validation average precision before training stops",
    )
    min_epochs: int = Field(
        default=3,
        ge=1,
        description="the first epoch that may be kept; patience counts from there. One validation recording can "
        "favor a head that has hardly begun to learn",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam's learning rate")
    clip_norm: float = Field(default=1.0, ge=0, description="length to which longer gradients are cut; 0 = never")
    standardize: bool = Field(
        default=True, description="bring each feature to mean 0 and deviation 1 by the training recordings"
    )
    deviation_floor: float = Field(
        default=1.0,
        ge=0,
        description="standardize divides no feature by less than this share of the features' root mean square "
        "deviation, so that faint features are not amplified; 0 for features in mixed units",
    )
    class_weights: bool = Field(
        default=True, description="let positives and negatives count the same in total (thesis, eq. 4.1)"
    )
    random_offsets: bool = Field(default=True, description="cut the windows at another place in each pass")
    min_steps_per_epoch: int = Field(
        default=20, ge=1, description="steps in an epoch at least; few recordings are passed several times"
    )
