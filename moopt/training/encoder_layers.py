"""Where the layers of a BERT classifier are, and the linear layers in each of them."""

from torch import nn
from transformers import BertForSequenceClassification, PreTrainedModel

from moopt.errors import TrainingError

ATTENTION_INPUTS = ("attention.self.query", "attention.self.key", "attention.self.value")
ATTENTION_OUTPUT = "attention.output.dense"
FEED_FORWARD_INPUT = "intermediate.dense"
FEED_FORWARD_OUTPUT = "output.dense"
LINEAR = (*ATTENTION_INPUTS, ATTENTION_OUTPUT, FEED_FORWARD_INPUT, FEED_FORWARD_OUTPUT)
"""Names of the linear layers within an encoder layer."""

WORDS = "bert.embeddings.word_embeddings"
LAYERS = "bert.encoder.layer"


def encoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the layers of a BERT classifier, lowest first.

    Raises:
        TrainingError: The model is of another kind.
    """
    if not isinstance(model, BertForSequenceClassification):
        raise TrainingError(
            f"only BERT classifiers can be cut, got a {type(model).__name__}; "
            "use a BertForSequenceClassification, such as a fine-tuned MiniLM"
        )
    layers: nn.ModuleList = model.bert.encoder.layer
    return layers


def attention_output(layer: nn.Module) -> nn.Module:
    """Return the linear layer that reads the attention heads side by side."""
    return layer.get_submodule(ATTENTION_OUTPUT)


def feed_forward_output(layer: nn.Module) -> nn.Module:
    """Return the linear layer that reads the feed-forward neurons."""
    return layer.get_submodule(FEED_FORWARD_OUTPUT)
