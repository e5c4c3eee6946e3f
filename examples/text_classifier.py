"""A Hugging Face text classifier with ``Trainer``, retrained as reviews arrive; the tiny model is made here.

python examples/text_classifier.py        # needs: pip install transformers accelerate
"""

import random
import sys
import tempfile

from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

import warmstart as ws

WORDS = ["the", "a", "film", "plot", "cast", "was", "is", "great", "fine", "moving", "dull", "bad", "boring"]
GOOD, BAD = {"great", "fine", "moving"}, {"dull", "bad", "boring"}


def reviews(count=300, length=8):
    """Made-up reviews: positive if more good than bad words are in it; token ids and label, as Trainer takes them."""
    draw = random.Random(0)
    texts = [[draw.choice(WORDS) for _ in range(length)] for _ in range(count)]
    label = [int(sum((word in GOOD) - (word in BAD) for word in text) > 0) for text in texts]
    ids = [[WORDS.index(word) for word in text] for text in texts]
    return [{"input_ids": ids, "labels": label} for ids, label in zip(ids, label, strict=True)]


class TextClassifier:
    """Trains with ``Trainer``; optimizer steps are counted by themselves, samples and tokens here."""

    def __init__(self, epochs: int = 4):
        self.epochs = epochs

    def build(self, data, seed):
        sizes: dict = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        return BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **sizes))

    def train(self, model, round):
        with tempfile.TemporaryDirectory() as folder:
            self._trainer(folder, model, round.seed, round.data).train()
        round.count(samples=self.epochs * len(round.data), tokens=self.epochs * 8 * len(round.data))

    def evaluate(self, model, data):
        with tempfile.TemporaryDirectory() as folder:
            found = self._trainer(folder, model, 0).predict(data)
        classes = found.predictions.argmax(1)
        return ws.Scores(classes == found.label_ids, predictions=classes)

    def _trainer(self, folder, model, seed, data=None):
        silent: dict = {"report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True}
        args = TrainingArguments(folder, seed=seed % 2**31, num_train_epochs=self.epochs, learning_rate=5e-3, **silent)
        trainer = Trainer(model, args, train_dataset=data)
        trainer.remove_callback(PrinterCallback)
        return trainer


if __name__ == "__main__":
    study = ws.Study([ws.Cold(), ws.Warm()], learner=TextClassifier(), stream=ws.TwoPhase(), seeds=3)
    records = ws.run_study(study, sys.argv[1] if len(sys.argv) > 1 else "runs/reviews", dataset=reviews())
    print(ws.summarize(records).verdict)
