"""The heads there are, by name. A new one is a new file and a new line here."""

from models.heads.base import HeadConfig
from models.heads.boosting import BoostingConfig
from models.heads.logistic import LogisticConfig
from models.heads.lstm import LstmConfig
from models.heads.tcn import TcnConfig
from models.heads.transformer import TransformerConfig

HEADS: dict[str, type[HeadConfig]] = {
    "lstm": LstmConfig,
    "tcn": TcnConfig,
    "transformer": TransformerConfig,
    "logistic": LogisticConfig,
}
# What a head must beat, on the same folds.
BASELINES: dict[str, type[HeadConfig]] = {
    "logistic": LogisticConfig,
    "boosting": BoostingConfig,
}
