"""What a transformer costs, in closed form from its configuration.

An objective in closed form is computed for every candidate and never modelled:

    def flops(parameters: Parameters) -> float:
        return replace(shape, layers=parameters["layers"]).forward_flops(tokens=32)

    Objective("flops", Minimize, formula=flops)
"""

from dataclasses import KW_ONLY, dataclass

from transformers import PretrainedConfig

from moopt.errors import EvaluationError

_ENCODERS = ("bert",)
_DECODERS = ("llama", "mistral")


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """The numbers of a transformer on which its cost depends."""

    layers: int
    width: int
    """Numbers for each token."""

    heads: int
    feed_forward: int
    """Width inside the feed-forward part of a layer."""

    _: KW_ONLY
    words: int
    """Tokens in the vocabulary."""

    head_width: int | None = None
    """None: the width divided by the number of heads."""

    key_value_heads: int | None = None
    """None: as many as heads."""

    gated: bool = False
    """Whether the feed-forward part has a third matrix, the gate."""

    biases: bool = True
    """Whether linear layers and normalisations have biases."""

    positions: int = 0
    """Learned positions. 0: positions have no parameters, as in rotary embeddings."""

    segments: int = 0
    """Learned kinds of segments, as in BERT."""

    embedding_norm: bool = False
    """Whether a normalisation follows the embeddings, as in BERT."""

    final_norm: bool = False
    """Whether a normalisation follows the last layer."""

    pooler: bool = False
    """Whether the first token goes through one more layer of full width."""

    predicts_words: bool = False
    """Whether the model says of each token which one follows. Else `classes` counts."""

    tied: bool = False
    """Whether the layer that predicts words is the embedding."""

    classes: int = 0
    """Outputs of a classifier of the whole text. 0: it has none."""

    def parameters(self) -> int:
        """Return the number of parameters; tied ones count once."""
        norm = self.width * (2 if self.biases else 1)
        linear = sum(
            (into + (1 if self.biases else 0)) * out for into, out in self._layer_matrices()
        )
        embeddings = (self.words + self.positions + self.segments) * self.width
        norms = 2 * self.layers + self.embedding_norm + self.final_norm
        head = self.width * self.words if self.predicts_words and not self.tied else 0
        pooler = (self.width + 1) * self.width if self.pooler else 0
        classifier = (self.width + self.biases) * self.classes
        return embeddings + self.layers * linear + norms * norm + head + pooler + classifier

    def forward_flops(self, tokens: int, texts: int = 1) -> float:
        """Return the floating-point operations of the matrix products of one pass.

        A multiplication and an addition are two operations. Every text has so many tokens, and all
        of them attend to all: masks spare nothing here, as they spare nothing in the usual kernels.
        Normalisations, activations and softmax are left out, as usual.
        """
        matrices = sum(into * out for into, out in self._layer_matrices())
        scores = 2 * tokens * self._attention_width  # queries with keys, weights with values
        of_token = self.layers * 2 * (matrices + scores)
        if self.predicts_words:
            of_token += 2 * self.width * self.words
        of_text = 2 * self.width * ((self.width if self.pooler else 0) + self.classes)
        return float(texts * (tokens * of_token + of_text))

    @property
    def _attention_width(self) -> int:
        return self.heads * (self.head_width or self.width // self.heads)

    def _layer_matrices(self) -> list[tuple[int, int]]:
        """Return inputs and outputs of every linear map in a layer."""
        key_value = self._attention_width * (self.key_value_heads or self.heads) // self.heads
        attention = [
            (self.width, self._attention_width),
            (self.width, key_value),
            (self.width, key_value),
            (self._attention_width, self.width),
        ]
        inside = [(self.width, self.feed_forward)] * (2 if self.gated else 1)
        return [*attention, *inside, (self.feed_forward, self.width)]


def encoder_shape(config: PretrainedConfig, *, classes: int = 0) -> TransformerShape:
    """Return the shape of a BERT, with its pooler.

    Args:
        config: The configuration of a transformers model of the type `bert`.
        classes: Outputs of a classifier on top of it. 0: none.

    Raises:
        EvaluationError: The configuration is of another type.
    """
    _require_type(config, _ENCODERS)
    return TransformerShape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        feed_forward=config.intermediate_size,
        words=config.vocab_size,
        positions=config.max_position_embeddings,
        segments=config.type_vocab_size,
        embedding_norm=True,
        pooler=True,
        classes=classes,
    )


def decoder_shape(config: PretrainedConfig) -> TransformerShape:
    """Return the shape of a causal language model like Llama.

    Args:
        config: The configuration of a transformers model of the type `llama` or `mistral`.

    Raises:
        EvaluationError: The configuration is of another type.
    """
    _require_type(config, _DECODERS)
    return TransformerShape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        feed_forward=config.intermediate_size,
        words=config.vocab_size,
        head_width=getattr(config, "head_dim", None),
        key_value_heads=config.num_key_value_heads,
        gated=True,
        biases=False,
        final_norm=True,
        predicts_words=True,
        tied=config.tie_word_embeddings,
    )


def _require_type(config: PretrainedConfig, known: tuple[str, ...]) -> None:
    if config.model_type not in known:
        raise EvaluationError(
            f"the shape of a {config.model_type!r} model is not known here, only of {list(known)}; "
            "give its numbers to TransformerShape yourself"
        )
