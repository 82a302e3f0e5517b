"""The recurrent head of the thesis: Dropout, LSTM layers, Dense(1, sigmoid) per frame."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from models.heads.base import HeadConfig


class LstmConfig(HeadConfig):
    """Stack of LSTM layers over time (thesis, section 4.1 and 4.2)."""

    name: Literal["lstm"] = "lstm"
    layers: int = Field(default=3, ge=1, le=8, description="LSTM layers")
    units: int = Field(default=64, ge=1, le=1024, description="units of the first layer (of each direction)")
    halving: bool = Field(default=True, description="each next layer has half the units of the one before")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of the input features dropped in training")
    bidirectional: bool = Field(
        default=False,
        description="also read each window backwards; labels are made offline, so the future is known",
    )

    def layer_units(self) -> list[int]:
        """Units per layer, never below 1."""
        return [max(1, self.units // 2**i) if self.halving else self.units for i in range(self.layers)]

    def body(self, embeddings: Any, mask: Any) -> Any:
        """See `HeadConfig`."""
        from models.heads.dropout import dropout_class
        from models.heads.scan_lstm import scan_lstm_class

        hidden = dropout_class()(self.dropout, name="dropout")(embeddings)
        for i, units in enumerate(self.layer_units()):
            hidden = scan_lstm_class()(units, bidirectional=self.bidirectional, name=f"lstm_{i}")(hidden, mask=mask)
        return hidden
