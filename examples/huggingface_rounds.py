"""Nights of a Hugging Face text classifier with ``Trainer``; what is "pretrained" here is made on the spot.

python examples/huggingface_rounds.py        # needs: pip install "warmstart[huggingface]"
"""

import random
import tempfile

import torch
from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

import warmstart as ws
from warmstart.integrations.huggingface import NewRound

WORDS = ["the", "a", "film", "plot", "cast", "was", "is", "great", "fine", "moving", "dull", "bad", "boring"]
GOOD, BAD = {"great", "fine", "moving"}, {"dull", "bad", "boring"}
SIZES: dict = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def reviews(night, count=120, length=8):
    """Made-up reviews: positive if more good than bad words are in it; token ids and label, as Trainer takes them."""
    draw = random.Random(night)
    texts = [[draw.choice(WORDS) for _ in range(length)] for _ in range(count)]
    label = [int(sum((word in GOOD) - (word in BAD) for word in text) > 0) for text in texts]
    ids = [[WORDS.index(word) for word in text] for text in texts]
    return [{"input_ids": ids, "labels": label} for ids, label in zip(ids, label, strict=True)]


def train(model, data, folder, callbacks):
    silent: dict = {"report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True}
    args = TrainingArguments(folder, num_train_epochs=4, learning_rate=5e-3, use_cpu=True, **silent)
    trainer = Trainer(model, args, train_dataset=data, callbacks=callbacks)
    trainer.remove_callback(PrinterCallback)
    trainer.train()


if __name__ == "__main__":
    set_verbosity_error()
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **SIZES)).bert.save_pretrained(folder)

        def pretrained():
            """What "fresh" is for fine-tuning: the pretrained checkpoint with a new head."""
            return BertForSequenceClassification.from_pretrained(folder)

        model, seen = pretrained(), []
        for night in range(1, 4):
            seen += reviews(night)
            # Halfway back to the checkpoint: shrink and perturb add up to 1, or what was pretrained would be lost.
            strategy = ws.ShrinkPerturb(shrink=0.5, perturb=0.5)
            train(model, seen, folder, [NewRound(strategy, pretrained, seed=0, round=night)] if night > 1 else [])
            held_out = reviews(99)
            logits = model.eval()(torch.tensor([row["input_ids"] for row in held_out])).logits
            right = (logits.argmax(1) == torch.tensor([row["labels"] for row in held_out])).double().mean()
            print(f"night {night}: accuracy {right:.3f}")
