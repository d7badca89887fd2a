"""The eager network behind LitServe, set up as well as we know how.

Kept is what was fastest over all loads on two cores. Tried were 1 to 3 workers of 1 and 2 threads,
waiting for company 0 to 10 ms, 1 and 2 API servers, LitServe's queues with and without ZeroMQ,
float32 and bfloat16, sub-batches of 8 to 32 texts with and without a bound on their padding.
"""

import argparse
import os
from typing import Any

import litserve
import orjson
import torch
from starlette.responses import Response

from loadtests.bench import eager, protocol
from model_store.store import PRETRAINED

_CORES = len(os.sched_getaffinity(0))
_SUB_BATCH = 16
"""Texts that go through the network at once: in larger batches nothing stays in the caches."""

Encoded = tuple[protocol.Control, list[Any]]
Classified = tuple[protocol.Control, list[tuple[str, float]]]


class SentimentAPI(litserve.LitAPI):  # type: ignore[misc]
    """Requests that come together share a batch: all their texts, sorted by length."""

    def setup(self, device: str) -> None:  # noqa: ARG002 (always the CPU)
        """Load the network, once for each worker."""
        torch.set_num_threads(_CORES)  # for a lone large request: the others find no idle core
        self.classifier = eager.load(PRETRAINED, eager.fast_dtype())

    def decode_request(self, request: dict[str, Any]) -> Encoded:
        """The token ids of a request's texts."""
        control = protocol.parse(request["label_config"])
        texts = (task["data"][control.data_key] for task in request["tasks"])
        return control, [self.classifier.encode(text) for text in texts]

    def batch(self, inputs: list[Encoded]) -> list[Encoded]:
        """Several requests as they are: `predict` takes their texts out."""
        return inputs

    def predict(self, x: list[Encoded]) -> list[Classified]:
        """Classify the texts of several requests together."""
        every = [ids for _, sequences in x for ids in sequences]
        rows = iter(self.classifier.classify_encoded(every, batch_size=_SUB_BATCH))
        return [(control, [next(rows) for _ in sequences]) for control, sequences in x]

    def unbatch(self, output: list[Classified]) -> list[Classified]:
        """What `predict` returns is one item for each request already."""
        return output

    def encode_response(self, output: Classified) -> Response:
        """The body, as JSON already: FastAPI would check and copy each value of a dict."""
        control, rows = output
        results = [protocol.prediction(control, label, score) for label, score in rows]
        return Response(orjson.dumps({"results": results}), media_type="application/json")


def main() -> None:
    """Serve on the port that the command line names; logs nothing for a request."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.litserve_app")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = litserve.LitServer(
        SentimentAPI(max_batch_size=64, batch_timeout=0.002),
        accelerator="cpu",
        workers_per_device=_CORES,
        timeout=False,
    )
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
