"""Time the network without a server: reviews per second of one thread, eager and compiled."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from loadtests.bench import eager
from model_store import artifact
from model_store.model.encoder import Encoder
from model_store.store import PRETRAINED

logger = logging.getLogger(__name__)

TABLE_ITEMSIZE = 4
"""Size in bytes of one element of the compiled network's table."""

ENCODE = "text to token ids"
EAGER_SINGLE = "eager, one by one"
EAGER = "eager, batched"
EAGER_FAST = "eager, batched, bfloat16"
COMPILED_SINGLE = "compiled, one by one"
COMPILED = "compiled, all at once"

_BATCH_SIZES = (8, 16, 32, 64)

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Timing:
    """The seconds that one way of classifying took for all texts, in each round."""

    way: str
    batch_size: int | None
    seconds: list[float]


@dataclass(frozen=True)
class InProcess:
    """All timings without a server, and the sizes that explain them."""

    texts: int
    mean_tokens: float
    offsets: int
    """The sum of the kernel sizes: the rows of the table that are read for each token."""
    filters: int
    itemsize: int
    timings: list[Timing]


@dataclass(frozen=True)
class _Case:
    way: str
    batch_size: int | None
    classify: Callable[[], object]


def measure(texts: Sequence[str], *, rounds: int) -> InProcess:
    """Time every way of classifying on the same texts, in alternating rounds, on one thread."""
    torch.set_num_threads(1)
    network = eager.load(PRETRAINED)
    sequences = [network.encode(text) for text in texts]
    cases = _cases(network, texts, sequences)
    seconds: list[list[float]] = [[] for _ in cases]
    for number in range(rounds):
        logger.info("In process, round %d of %d ...", number + 1, rounds)
        for case, times in zip(cases, seconds, strict=True):
            times.append(_time(case.classify))
    config = network.network.config
    return InProcess(
        texts=len(texts),
        mean_tokens=sum(map(len, sequences)) / len(sequences),
        offsets=sum(config.kernel_sizes),
        filters=config.filters,
        itemsize=TABLE_ITEMSIZE,
        timings=[
            Timing(case.way, case.batch_size, times)
            for case, times in zip(cases, seconds, strict=True)
        ],
    )


def _cases(
    network: eager.EagerClassifier, texts: Sequence[str], sequences: Sequence[Ids]
) -> list[_Case]:
    compiled = artifact.load(PRETRAINED, device="cpu")
    encoder = compiled.encoder
    assert isinstance(encoder, Encoder)
    fast = eager.load(PRETRAINED, eager.fast_dtype())

    def classify(sequences: Sequence[Ids]) -> object:
        return compiled.head.classify(encoder.features(sequences))

    def batched(classifier: eager.EagerClassifier, size: int) -> Callable[[], object]:
        return lambda: classifier.classify_encoded(sequences, batch_size=size)

    cases = [
        _Case(ENCODE, None, lambda: [encoder.encode(text) for text in texts]),
        _Case(EAGER_SINGLE, 1, batched(network, 1)),
        *(_Case(EAGER, size, batched(network, size)) for size in _BATCH_SIZES),
    ]
    if eager.fast_dtype() is torch.bfloat16:
        cases += [_Case(EAGER_FAST, size, batched(fast, size)) for size in _BATCH_SIZES]
    return [
        *cases,
        _Case(COMPILED_SINGLE, 1, lambda: [classify([ids]) for ids in sequences]),
        _Case(COMPILED, None, lambda: classify(sequences)),
    ]


def _time(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
