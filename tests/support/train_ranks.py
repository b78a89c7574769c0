"""Started by torchrun in test_train_ranks.py: `main.py train` as it is, then this rank's weights.

python train_ranks.py FOLDER SIGNAL_AT train …   SIGNAL_AT: the step at which rank 0 gets Ctrl-C
"""

import os
import signal
import sys
from pathlib import Path

import torch

from app.cli import main
from app.train import run as train_run

folder, signal_at = Path(sys.argv[1]), int(sys.argv[2])
rank = int(os.environ["RANK"])
kept = []


class Watched(train_run.Trainer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        kept.append(self.network)

    def learn(self, batch):
        if self.step == signal_at and rank == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return super().learn(batch)


train_run.Trainer = Watched
try:
    main(sys.argv[3:])
finally:
    torch.save([weight.detach() for weight in kept[0].parameters()], folder / f"rank{rank}.pt")
