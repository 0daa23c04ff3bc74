"""Trains the network of `--model tiny` and writes its weights.

    python train.py --seed 1 --out tiny-1

Needs PyTorch (requirements.txt) and nothing from the network. The same seed, versions and number of threads give the same file.
"""

import argparse
import hashlib
import json
import platform
import random
import time
from pathlib import Path

import numpy
import torch
from torch import nn

import towers

HIDDEN = 96
EMBEDDING = 32
BATCH = 256
SIZES = list(range(4, 19))
HELD_OUT = (19, 20)
PEAK_RATE = 4e-3

PAD = 0
CODES = numpy.zeros(128, dtype=numpy.int64)
for place, symbol in enumerate(towers.ALPHABET):
    CODES[ord(symbol)] = place + 1


class Network(nn.Module):
    """One layer of gated recurrent units over characters."""

    def __init__(self):
        super().__init__()
        symbols = len(towers.ALPHABET) + 1
        self.embedding = nn.Embedding(symbols, EMBEDDING, padding_idx=PAD)
        self.recurrent = nn.GRU(EMBEDDING, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, symbols)

    def forward(self, codes, state=None):
        seen, state = self.recurrent(self.embedding(codes), state)
        return seen, state


def encode(texts):
    length = max(len(text) for text in texts)
    codes = numpy.zeros((len(texts), length), dtype=numpy.int64)
    for row, text in enumerate(texts):
        codes[row, : len(text)] = CODES[numpy.frombuffer(text.encode(), dtype=numpy.uint8)]
    return torch.from_numpy(codes)


def loss_of(network, examples):
    """Cross entropy of the answers' characters alone."""
    codes = encode([prompt + answer for prompt, answer in examples])
    starts = torch.tensor([len(prompt) - 1 for prompt, _ in examples])
    places = starts[:, None] + torch.arange(towers.ANSWER_LENGTH)
    seen, _ = network(codes[:, :-1])
    rows = torch.arange(len(examples))[:, None]
    scores = network.output(seen[rows, places])
    return nn.functional.cross_entropy(scores.flatten(0, 1), codes[rows, places + 1].flatten())


@torch.no_grad()
def share_right(network, examples):
    """The mean probability of the right answer at temperature 1."""
    codes = encode([prompt + answer for prompt, answer in examples])
    starts = torch.tensor([len(prompt) - 1 for prompt, _ in examples])
    places = starts[:, None] + torch.arange(towers.ANSWER_LENGTH)
    rows = torch.arange(len(examples))[:, None]
    seen, _ = network(codes[:, :-1])
    chances = torch.log_softmax(network.output(seen[rows, places]), -1)
    return chances.gather(-1, codes[rows, places + 1][..., None]).sum((1, 2)).exp()


def examples_of(seed, disks, count, is_rare):
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        letters, labels = towers.any_form(rng, disks)
        step = towers.any_step(rng, disks) if is_rare else rng.randrange((1 << disks) - 1)
        found.append(
            (towers.prompt_of(disks, step, letters, labels), towers.answer_of(disks, step, letters, labels))
        )
    return found


def train(seed, batches, log):
    torch.manual_seed(seed)
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=batches)
    source = towers.batches(seed, SIZES, BATCH)
    tests = {
        f"{disks} disks, {kind}": examples_of(seed + 1, disks, 2000, kind == "rare")
        for disks in HELD_OUT
        for kind in ("any", "rare")
    }
    curve = []
    began = time.time()
    for batch in range(1, batches + 1):
        loss = loss_of(network, next(source))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if batch % 500 == 0 or batch == batches:
            chances = {name: share_right(network, examples) for name, examples in tests.items()}
            point = {
                "batch": batch,
                "seconds": round(time.time() - began),
                "loss": round(loss.item(), 5),
                "right": {name: round(found.mean().item(), 5) for name, found in chances.items()},
                "likelierWrong": {name: (found < 0.5).float().mean().item() for name, found in chances.items()},
            }
            curve.append(point)
            log(json.dumps(point))
    return network, curve


def weights_of(network):
    """The weights as little-endian 32-bit floats, one tensor behind the other, in the order of SHAPES in the record."""
    tensors = {
        "embedding": network.embedding.weight,
        "inputToGates": network.recurrent.weight_ih_l0,
        "stateToGates": network.recurrent.weight_hh_l0,
        "inputBias": network.recurrent.bias_ih_l0,
        "stateBias": network.recurrent.bias_hh_l0,
        "output": network.output.weight,
        "outputBias": network.output.bias,
    }
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    flat = numpy.concatenate([tensor.detach().numpy().astype("<f4").ravel() for tensor in tensors.values()])
    return shapes, flat.tobytes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--batches", type=int, default=30_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network, curve = train(given.seed, given.batches, lambda line: print(line, flush=True))
    shapes, weights = weights_of(network)
    given.out.with_suffix(".bin").write_bytes(weights)
    record = {
        "format": 1,
        "skill": "hanoi-short",
        "alphabet": towers.ALPHABET,
        "shapes": shapes,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "training": {
            "command": f"python train.py --seed {given.seed} --batches {given.batches} --threads {given.threads}",
            "sizes": SIZES,
            "heldOut": list(HELD_OUT),
            "examples": given.batches * BATCH,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "curve": curve,
    }
    given.out.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
