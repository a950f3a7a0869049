"""A classifier of three layers with four heads each, and texts for it."""

import torch
from transformers import BertConfig, BertForSequenceClassification

from moopt.training.batches import TokenizedTexts
from moopt.training.compressed_size import EncoderShape

SHAPE = EncoderShape(words=15, positions=16, hidden=16, layers=3, heads=4, neurons=24, classes=2)


def classifier(seed: int = 0) -> BertForSequenceClassification:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForSequenceClassification(
            BertConfig(
                vocab_size=SHAPE.words,
                hidden_size=SHAPE.hidden,
                num_hidden_layers=SHAPE.layers,
                num_attention_heads=SHAPE.heads,
                intermediate_size=SHAPE.neurons,
                max_position_embeddings=SHAPE.positions,
                initializer_range=0.3,
                id2label={index: str(index) for index in range(SHAPE.classes)},
            )
        )
        for each in model.parameters():
            each.data += 0.1 * torch.randn_like(each)  # biases and norms are not trivial
    model.eval()
    return model


def texts(count: int = 40, seed: int = 0) -> TokenizedTexts:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 10, (count,), generator=generator).tolist()
    return TokenizedTexts(
        ids=tuple(
            tuple(torch.randint(5, SHAPE.words, (length,), generator=generator).tolist())
            for length in lengths
        ),
        labels=tuple(torch.randint(0, SHAPE.classes, (count,), generator=generator).tolist()),
        padding=0,
    )
