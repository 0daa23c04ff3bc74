"""Writes what PyTorch computes with committed weights, which the tests hold mdap's own inference against.

    python vectors.py ../src/models/tiny/1 > ../test/fixtures/tiny-vectors.json
"""

import json
import random
import sys

import numpy
import torch

import towers
from train import Network, examples_of, share_right


def load(stem):
    with open(f"{stem}.json") as file:
        record = json.load(file)
    weights = torch.from_numpy(numpy.fromfile(f"{stem}.bin", dtype="<f4"))
    network = Network()
    tensors = [
        network.embedding.weight,
        network.recurrent.weight_ih_l0,
        network.recurrent.weight_hh_l0,
        network.recurrent.bias_ih_l0,
        network.recurrent.bias_hh_l0,
        network.output.weight,
        network.output.bias,
    ]
    at = 0
    with torch.no_grad():
        for tensor, shape in zip(tensors, record["shapes"].values()):
            count = tensor.numel()
            assert list(tensor.shape) == shape
            tensor.copy_(weights[at : at + count].reshape(shape))
            at += count
    return network


def wrong_answer(rng, answer):
    disk, source, target = answer[0], answer[1], answer[2]
    return f"{rng.choice(towers.LETTERS)}{target}{source}." if rng.random() < 0.5 else f"{disk}{source}{source}."


def main():
    network = load(sys.argv[1])
    rng = random.Random(5)
    found = []
    for disks in (3, 8, 15, 20, 26):
        for prompt, answer in examples_of(disks, disks, 4, True):
            for text in (answer, wrong_answer(rng, answer)):
                found.append({"prompt": prompt, "answer": text, "chance": share_right(network, [(prompt, text)]).item()})
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
