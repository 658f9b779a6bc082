"""The rule that lowers the learning rate and ends the training."""

from xscatter.learn.convergence import Convergence
from xscatter.learn.progress import Progress
from xscatter.study import Train
from xscatter.views import VIEWS

TRAIN = Train(
    patience=3,
    overfitting_patience=6,
    learning_rate_drops=1,
    min_loss_decrease=0.01,
    min_precision_gain=0.001,
)


def decisions(rule, losses, scores, train=TRAIN):
    return [rule.see(loss, score, train) for loss, score in zip(losses, scores, strict=True)]


def test_goes_on_while_either_makes_progress():
    falling = [0.9**n for n in range(20)]
    rising = [0.02 * n for n in range(20)]
    assert set(decisions(Convergence(), falling, rising)) == {""}
    assert set(decisions(Convergence(), [1.0] * 20, rising)) == {""}
    assert decisions(Convergence(), falling[:6], [0.5] * 6) == [""] * 6


def test_drops_once_then_stops_when_nothing_moves():
    rule = Convergence()
    found = decisions(rule, [1.0] * 7, [0.5] * 7)
    assert found == ["", "", "", "drop", "", "", "stop"]
    assert rule.converged
    assert rule.best_epoch == 1
    assert "3 epochs" in rule.reason


def test_overfitting_ends_it_although_the_training_loss_falls():
    falling = [0.9**n for n in range(30)]
    found = decisions(Convergence(), falling, [0.5] * 30)
    assert found.index("drop") == 6
    assert found.index("stop") == 12


def test_a_score_that_is_not_a_number_is_no_gain():
    rule = Convergence()
    assert decisions(rule, [1.0] * 7, [float("nan")] * 7)[-1] == "stop"


def test_its_state_carries_over():
    losses, scores = (
        [1, 0.9, 0.89, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
        [0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3],
    )
    whole, first = Convergence(), Convergence()
    expected = decisions(whole, losses, scores)
    found = decisions(first, losses[:5], scores[:5])
    second = Convergence(**first.facts())
    assert found + decisions(second, losses[5:], scores[5:]) == expected
    assert second == whole


def test_most_rounds_ends_it():
    rule = Convergence()
    assert decisions(rule, [0.9, 0.8], [0.1, 0.2], Train(max_epochs=2)) == ["", "stop"]
    rule.reopen()  # data were added: as many epochs again
    assert decisions(rule, [0.9, 0.8], [0.1, 0.2], Train(max_epochs=2)) == ["", "stop"]
    assert rule.epoch == 4


def test_checkpoints_of_earlier_versions_say_round():
    facts = Progress(step=3, history=[{"epoch": 1, "step": 3}], timings=[{"epoch": 1}]).facts()
    former = {**facts, "history": [{"round": 1, "step": 3}], "timings": [{"round": 1}]}
    rule = {"epoch": "round", "best_epoch": "best_round"}
    former["rule"] = {rule.get(key, key): value for key, value in facts["rule"].items()}
    assert Progress.of(former) == Progress.of(facts)


def test_a_cosine_has_no_drops_and_ends_where_it_was_set():
    train = TRAIN.model_copy(update={"schedule": "cosine", "max_epochs": 9})
    assert decisions(Convergence(), [1.0] * 9, [0.5] * 9, train) == [""] * 8 + ["stop"]


def test_the_joint_training_may_have_epochs_of_its_own():
    train = Train(schedule="cosine", max_epochs=9, joint_max_epochs=4)
    epochs = [train.of(view).max_epochs for view in VIEWS.values()]
    assert epochs == [9, 9, 4]
    assert Train(max_epochs=7).of(VIEWS["joint"]).max_epochs == 7
