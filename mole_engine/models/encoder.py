"""The encoder: embeddings and layers, shared by MolE, pretraining and `encode`."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from mole_engine.contracts.config import ModelConfig
from mole_engine.nn.bert import BertEmbeddings, BertEncoder


class Encoder(nn.Module):
    """From tokens and distances to one state per token.

    Parameters
    ----------
    config
        `vocabulary_size` must be filled in.

    Raises
    ------
    ValueError
        When the vocabulary size is not known.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.vocabulary_size < 1:
            raise ValueError("model.vocabulary_size must be filled in from the vocabulary")
        self.config = config
        self.embeddings = BertEmbeddings(
            config.vocabulary_size, config.hidden_size, config.hidden_dropout, config.layer_norm_eps
        )
        self.encoder = BertEncoder(
            layers=config.layers,
            hidden_size=config.hidden_size,
            heads=config.heads,
            intermediate_size=config.feed_forward_size,
            relative_positions=config.relative_positions,
            activation=config.activation,
            hidden_dropout=config.hidden_dropout,
            attention_dropout=config.attention_dropout,
            eps=config.layer_norm_eps,
        )
        initialise(self, config.initializer_range)

    def forward(
        self,
        tokens: Tensor,
        distances: Tensor,
        mask: Tensor,
        span: Tensor | None = None,
        first_only: bool = False,
        all_layers: bool = False,
    ) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        tokens
            (B, N) integers, CLS first.
        distances
            (B, N, N) integers: topological distance + 1, 0 for CLS, padding and between fragments.
        mask
            (B, N) bool, True on real tokens; 1 and 0 will do.
        span
            (B, N, N) bool, which token may attend to which (pretraining), or None.
        first_only
            Return the states of CLS alone, for less work in the last layer.
        all_layers
            Return the states after each of the L layers, not after the last one alone.

        Returns
        -------
        (B, N, H) states, (B, 1, H) or (L, B, N, H); padded rows are arbitrary.
        """
        mask = mask.bool()
        hidden: Tensor = self.encoder(
            self.embeddings(tokens.long(), mask), distances, mask, span, first_only, all_layers
        )
        return hidden

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the parts from bottom to top: "embeddings", "layer 0", "layer 1" ...

        The relative position table, which every layer reads, belongs to the embeddings.
        """
        yield "embeddings", nn.ModuleList([self.embeddings, self.encoder.relative, self.encoder.norm])
        for index, layer in enumerate(self.encoder.layers):
            yield f"layer {index}", layer


def initialise(module: nn.Module, deviation: float) -> None:
    """Draw linear and embedding weights from N(0, deviation); zero the biases."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=deviation)
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.bias)
