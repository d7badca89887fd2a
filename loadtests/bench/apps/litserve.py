"""The eager network behind LitServe, in the fastest configuration that we found.

It was the fastest over all loads on two cores, among 1 to 3 workers of 1 and 2 threads, batch
time-outs of 0 to 10 ms, 1 and 2 API servers, LitServe's queues with and without ZeroMQ, float32 and
bfloat16, and sub-batches of 8 to 32 texts with and without a bound on their padding.
"""

import argparse
import os
from typing import Any

import litserve
import orjson
import torch
from starlette.responses import Response

from loadtests.bench import eager
from loadtests.bench.apps import protocol
from model_store.store import PRETRAINED

_CORES = len(os.sched_getaffinity(0))
_SUB_BATCH = 16
"""Texts that go through the network together: larger batches do not fit into the caches."""

Encoded = tuple[protocol.Control, list[Any]]
Classified = tuple[protocol.Control, list[tuple[str, float]]]


class SentimentAPI(litserve.LitAPI):  # type: ignore[misc]
    """Classify the texts of concurrent requests together, sorted by length."""

    def setup(self, device: str) -> None:  # noqa: ARG002 (always the CPU)
        """Load the network, once for each worker."""
        torch.set_num_threads(_CORES)  # speeds up a large request on an idle server
        self.classifier = eager.load(PRETRAINED, eager.fast_dtype())

    def decode_request(self, request: dict[str, Any]) -> Encoded:
        """Return the control and the token ids of a request's texts."""
        control = protocol.parse(request["label_config"])
        texts = (task["data"][control.data_key] for task in request["tasks"])
        return control, [self.classifier.encode(text) for text in texts]

    def batch(self, inputs: list[Encoded]) -> list[Encoded]:
        """Return the requests unchanged: `predict` collects their texts."""
        return inputs

    def predict(self, x: list[Encoded]) -> list[Classified]:
        """Classify the texts of several requests together."""
        every = [ids for _, sequences in x for ids in sequences]
        rows = iter(self.classifier.classify_encoded(every, batch_size=_SUB_BATCH))
        return [(control, [next(rows) for _ in sequences]) for control, sequences in x]

    def unbatch(self, output: list[Classified]) -> list[Classified]:
        """Return the output unchanged: `predict` returns one item for each request."""
        return output

    def encode_response(self, output: Classified) -> Response:
        """Encode the body here: FastAPI would check and copy each value of a dict."""
        control, rows = output
        results = [protocol.prediction(control, label, score) for label, score in rows]
        return Response(orjson.dumps({"results": results}), media_type="application/json")


def main() -> None:
    """Serve on the port of the command line, without an access log."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.apps.litserve")
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
