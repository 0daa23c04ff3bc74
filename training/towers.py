"""Texts of the tower of Hanoi in short notation, and what the network learns from.

One line is one step on the optimal path:

    e0dcb|1a|2|012|a01>b02.

- `e` or `o`: whether the number of disks is even or odd
- the disks on each peg, one letter a disk, the largest first; a smaller disk has an earlier letter
- the labels of the pegs, in the order start, spare, goal
- the move before: disk, from, to; `-00` before the first
- after `>` the answer: disk, from, to, and a full stop

Disks are letters in order and pegs are labels, both chosen again for each example: a way to choose them is a form of the prompt.
"""

import itertools
import random

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHABET = "-.012>|" + LETTERS
LABELLINGS = list(itertools.permutations(range(3)))
ANSWER_LENGTH = 4


def peg_before(disks, disk, step):
    """The peg (0 start, 1 spare, 2 goal) of a disk (1 is the smallest) before this step of the optimal path."""
    moves = (step + (1 << (disk - 1))) >> disk
    # The largest disk goes straight to the goal; disks take turns in direction.
    return (moves * (2 if (disks - disk) % 2 == 0 else 1)) % 3


def move_at(disks, step):
    """The optimal move of a step: disk, from, to. In step i (from 0) the disk moves that is the lowest set bit of i + 1."""
    disk = ((step + 1) & -(step + 1)).bit_length()
    return disk, peg_before(disks, disk, step), peg_before(disks, disk, step + 1)


def prompt_of(disks, step, letters, labels):
    stacks = ["", "", ""]
    for disk in range(disks, 0, -1):
        stacks[labels[peg_before(disks, disk, step)]] += letters[disk - 1]
    last = move_text(move_at(disks, step - 1), letters, labels) if step > 0 else "-00"
    parity = "e" if disks % 2 == 0 else "o"
    order = "".join(str(label) for label in labels)
    return f"{parity}0{stacks[0]}|1{stacks[1]}|2{stacks[2]}|{order}|{last}>"


def move_text(move, letters, labels):
    disk, source, target = move
    return f"{letters[disk - 1]}{labels[source]}{labels[target]}"


def answer_of(disks, step, letters, labels):
    return move_text(move_at(disks, step), letters, labels) + "."


def any_step(rng, disks):
    """Half of the steps are any. The others are those that are rare in a long tower, which a network gets wrong that has hardly seen them:
    most stand beside a move of a disk of any size, some near the start, where nothing has moved yet."""
    last = (1 << disks) - 2
    kind = rng.random()
    if kind < 0.5:
        return rng.randint(0, last)
    if kind < 0.54:
        return min(last, int(2 ** rng.uniform(0, 6)) - 1)
    disk = rng.randint(1, disks)
    period = 1 << disk
    move = (period >> 1) - 1 + period * rng.randrange(1 << (disks - disk))
    return min(last, max(0, move + rng.choice((-2, -1, 0, 0, 1, 2))))


def any_form(rng, disks):
    return "".join(sorted(rng.sample(LETTERS, disks))), rng.choice(LABELLINGS)


def any_example(rng, sizes):
    disks = rng.choice(sizes)
    letters, labels = any_form(rng, disks)
    step = any_step(rng, disks)
    return prompt_of(disks, step, letters, labels), answer_of(disks, step, letters, labels)


def batches(seed, sizes, size):
    rng = random.Random(seed)
    while True:
        yield [any_example(rng, sizes) for _ in range(size)]
