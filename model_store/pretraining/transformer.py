"""Fine-tune a sentence transformer on labelled reviews: the teacher for passages.

It was trained on a billion pairs of sentences of all kinds, and knows of short texts and of other
subjects what 25,000 film reviews do not say. Needs the packages transformers and tokenizers.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from model_store.files import atomic_write
from model_store.pretraining.crops import crop
from model_store.pretraining.sparse import product_dtype

logger = logging.getLogger(__name__)

_STEPS_BETWEEN_CHECKPOINTS = 250
_BATCH_TOKENS = 4096
"""Of a batch that is only read."""
_BUCKET_BATCHES = 20


@dataclass(frozen=True)
class TransformerConfig:
    """Hyperparameters of the fine-tuning."""

    epochs: int = 1
    """In each, a new crop of each review is learned from. After one the transformer is best on
    other texts: the more it learns of film reviews, the more it forgets of the rest."""
    words: tuple[int, int] = (12, 128)
    """Fewest and most words of a crop."""
    batch_size: int = 32
    max_tokens: int = 192
    learning_rate: float = 3e-5
    head_learning_rate: float = 1e-3
    warm_up: float = 0.1
    """Share of the steps over which the learning rate rises; it falls to 0 over the others."""


class TransformerClassifier(nn.Module):
    """A transformer of the BERT family with a linear layer on the mean of its last layer."""

    def __init__(self, name: str, *, max_tokens: int) -> None:
        """Load a pretrained transformer; raises OSError.

        name: a folder with its files, or its name on the Hugging Face hub.
        """
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 (not for serving)

        super().__init__()
        self.body: Any = AutoModel.from_pretrained(name)
        # Few of its 30,000 word pieces occur in reviews: those that do must not move away.
        self.body.get_input_embeddings().requires_grad_(requires_grad=False)
        self.fc = nn.Linear(self.body.config.hidden_size, 1)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(name, model_max_length=max_tokens)

    def forward(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Map the token ids of texts to (texts,) logits of the second class."""
        device = self.fc.weight.device
        ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        ids, mask = ids.to(device), mask.to(device)
        dtype = product_dtype(device)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            layer = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].float()
        mean = (layer.float() * weights).sum(dim=1) / weights.sum(dim=1)
        logits: Tensor = self.fc(mean)[:, 0]
        return logits

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with the marks at both ends."""
        found: list[list[int]] = self._tokenizer(list(texts), truncation=True)["input_ids"]
        return found

    @torch.inference_mode()
    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts,) logits of the second class."""
        self.eval()
        sequences = self.encode(texts)
        order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index]))
        result = np.zeros(len(texts), np.float32)
        bar = tqdm(total=len(texts), desc="transformer", disable=None)
        while order:
            count = max(_BATCH_TOKENS // len(sequences[order[0]]), 1)
            chosen, order = order[:count], order[count:]
            result[chosen] = self([sequences[index] for index in chosen]).cpu().numpy()
            bar.update(len(chosen))
        return result


def fine_tune(
    classifier: TransformerClassifier,
    texts: Sequence[str],
    classes: NDArray[np.int64],
    *,
    config: TransformerConfig,
    seed: int,
    checkpoint: Path,
    name: str,
) -> None:
    """Fit `classifier` in place to crops of texts.

    checkpoint: file to which the state is written every few minutes. A killed run resumes from it.
    """
    torch.manual_seed(seed)
    trained = [each for each in classifier.body.parameters() if each.requires_grad]
    groups = [
        {"params": trained, "lr": config.learning_rate},
        {"params": list(classifier.fc.parameters()), "lr": config.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    of_epoch = -(-len(texts) // config.batch_size)
    steps = config.epochs * of_epoch

    def rate(step: int) -> float:
        return min((step + 1) / (config.warm_up * steps), (steps - step) / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    parts = (classifier, optimizer, schedule)
    step, mean = _resume(checkpoint, parts), 0.0
    while step < steps:
        epoch, first = divmod(step, of_epoch)
        batches = _batches(classifier, texts, config, np.random.default_rng([seed, epoch]))
        bar = tqdm(batches[first:], desc=f"{name}, epoch {epoch + 1}/{config.epochs}", disable=None)
        for chosen, sequences in bar:
            torch.manual_seed(seed + step)
            classifier.train()
            target = torch.from_numpy(classes[chosen]).float().to(classifier.fc.weight.device)
            loss = functional.binary_cross_entropy_with_logits(classifier(sequences), target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            mean += (loss.item() - mean) / min(step, 200)
            bar.set_postfix(loss=f"{mean:.4f}")
            if step % _STEPS_BETWEEN_CHECKPOINTS == 0 or step == steps:
                logger.info("%s, step %d of %d: loss %.4f", name, step, steps, mean)
                with atomic_write(checkpoint) as draft:
                    torch.save([step, *(part.state_dict() for part in parts)], draft)


def _resume(checkpoint: Path, parts: Sequence[Any]) -> int:
    if not checkpoint.exists():
        return 0
    step, *states = torch.load(checkpoint, weights_only=True)
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict(state)
    return int(step)


def _batches(
    classifier: TransformerClassifier,
    texts: Sequence[str],
    config: TransformerConfig,
    rng: np.random.Generator,
) -> list[tuple[NDArray[np.int64], list[list[int]]]]:
    """Return batches of crops of similar length, in random order: indices and token ids."""
    sequences = classifier.encode([crop(text, config.words, rng) for text in texts])
    order = rng.permutation(len(texts))
    found = []
    size = config.batch_size * _BUCKET_BATCHES
    for start in range(0, len(order), size):
        bucket = order[start : start + size]
        bucket = bucket[np.argsort([len(sequences[i]) for i in bucket], kind="stable")]
        found += [
            bucket[first : first + config.batch_size]
            for first in range(0, len(bucket), config.batch_size)
        ]
    return [
        (found[i], [sequences[index] for index in found[i]]) for i in rng.permutation(len(found))
    ]
