"""The convolutional head of the thesis: Dropout, TCN blocks (keras-tcn), Dense(1, sigmoid) per frame."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models.heads.base import HeadConfig


class TcnConfig(HeadConfig):
    """Stack of temporal convolutional networks (thesis, section 4.3 and 4.4)."""

    name: Literal["tcn"] = "tcn"
    blocks: int = Field(default=1, ge=1, le=8, description="TCN blocks, each with all dilations")
    filters: int = Field(default=256, ge=1, le=1024, description="filters of the first block; halved in each next one")
    kernel_size: int = Field(default=3, ge=1, le=31, description="frames that one convolution looks at")
    dilations: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        default=(1, 2, 4, 8, 16, 32),
        min_length=1,
        max_length=12,
        description="spacing of those frames, one residual block each",
    )
    norm: Literal["batch", "layer", "weight", "none"] = Field(
        default="batch", description="normalisation inside the residual blocks"
    )
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of the input features dropped in training")
    padding: Literal["same", "causal"] = Field(
        default="causal",
        description="same sees past and future; causal (keras-tcn's own default) only the past",
    )

    def block_filters(self) -> list[int]:
        """Filters per block, never below 1."""
        return [max(1, self.filters // 2**i) for i in range(self.blocks)]

    def body(self, embeddings: Any, mask: Any) -> Any:
        """See `HeadConfig`."""
        from models.heads.dropout import dropout_class
        from models.heads.masked_tcn import masked_tcn_class

        hidden = dropout_class()(self.dropout, name="dropout")(embeddings)
        for i, filters in enumerate(self.block_filters()):
            layer = masked_tcn_class()(
                nb_filters=filters,
                kernel_size=self.kernel_size,
                dilations=list(self.dilations),
                padding=self.padding,
                return_sequences=True,
                use_batch_norm=self.norm == "batch",
                use_layer_norm=self.norm == "layer",
                use_weight_norm=self.norm == "weight",
                name=f"tcn_{i}",
            )
            hidden = layer(hidden, mask=mask)
        return hidden
