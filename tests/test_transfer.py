"""A transfer set is nested and made again as it was; a clone's loss is the formula of its paper."""

import numpy as np
import pytest
import torch

from vbd.data.augment import brightened, resampled, turned, warped
from vbd.extraction import get, losses
from vbd.extraction.oracle import Oracle
from vbd.extraction.pools import at_hand, other, target
from vbd.extraction.sources import Pooled
from vbd.extraction.transfer import Collector, TransferSet
from vbd.models import build
from vbd.sections.data import Dataset
from vbd.sections.model import Training
from vbd.sections.theft import Distillation
from vbd.training import fit, predict

ANSWERS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.3, 0.2, 0.1]], requires_grad=True)
DATASET = Dataset(reader="folder", root="x", frames=4, store=(20, 20), crop=16)


def by_brightness(clips: torch.Tensor) -> torch.Tensor:
    """The classes of ``store_folder``: dark, middling and bright."""
    grey = clips.float().mean((1, 2, 3, 4))
    return (-((grey[:, None] - torch.tensor([50.0, 120, 190])) ** 2) / 500).softmax(1)


def test_kl_is_batchmean_with_temperature_squared():
    for t in (1.0, 4.0):
        soft = (ANSWERS.log() / t).softmax(1)
        clone = (LOGITS / t).log_softmax(1)
        expected = t**2 * (soft * (soft.log() - clone)).sum(1)
        assert torch.allclose(losses.kl(LOGITS, ANSWERS, t), expected)


def test_a_clone_that_agrees_has_no_loss_whatever_constant_its_logits_carry():
    logits = ANSWERS.log() + torch.tensor([[5.0], [-3.0]])
    for loss in (losses.kl, losses.cosine, losses.l1):
        assert torch.allclose(loss(logits, ANSWERS), torch.zeros(2), atol=1e-5)


def test_l1_is_of_mean_corrected_log_probabilities():
    theirs = ANSWERS.log() - ANSWERS.log().mean(1, keepdim=True)
    ours = LOGITS - LOGITS.mean(1, keepdim=True)
    assert torch.allclose(losses.l1(LOGITS, ANSWERS), (ours - theirs).abs().sum(1), atol=1e-5)


def test_the_published_final_loss_weighs_the_truth_ten_times_where_it_is_known():
    labels = torch.cat([ANSWERS, torch.tensor([[0.0], [-1.0]])], 1)
    kl = losses.kl(LOGITS, ANSWERS)
    known = (kl[0] - 10 * LOGITS.log_softmax(1)[0, 0]) / 11
    loss = losses.Criterion(Distillation(kl=1, truth=10))(LOGITS, labels)
    assert torch.allclose(loss, (known + kl[1]) / 2)
    # The truth alone teaches nothing of a clip without one.
    alone = losses.Criterion(Distillation(kl=0, truth=1))(LOGITS, labels)
    assert torch.allclose(alone, -LOGITS.log_softmax(1)[0, 0] / 2)


@pytest.mark.parametrize("labels", [torch.eye(3)[[0, 2]], ANSWERS])
def test_every_part_of_the_loss_is_finite_for_hard_labels_too(labels):
    whole = Distillation(kl=1, temperature=2, cosine=1, l1=1, truth=1)
    loss = losses.Criterion(whole)(LOGITS, torch.cat([labels, torch.zeros(2, 1)], 1))
    (gradient,) = torch.autograd.grad(loss, LOGITS)
    assert loss.isfinite() and gradient.isfinite().all()


def test_a_share_of_the_target_is_of_each_class_and_one_clip_at_least(store_folder):
    for share, count in ((0.01, 3), (0.25, 6), (0.3, 9), (1.0, 24)):
        pool = target(store_folder, share, False, torch.Generator().manual_seed(0))
        assert len(pool) == count and pool.labels.bincount().tolist() == [count // 3] * 3
        assert set(pool.rows.tolist()) <= set(range(42)) and len(set(pool.rows.tolist())) == count


def test_other_datasets_have_classes_of_their_own_and_absent_ones_are_left_out(store_folder):
    names, there = ["target", "more", "absent"], {"more": store_folder}
    pools = at_hand(names, store_folder, DATASET, there, share=0.25, seed=0)
    assert [(pool.name, len(pool)) for pool in pools] == [("target", 6), ("more", 42)]
    assert (pools[1].labels == -1).all() and pools[1].kinds.max() == 2


def ask(folder, budget: int, seed: int = 0) -> TransferSet:
    method = get("pool")()
    pools = at_hand(["target"], folder, DATASET, {}, share=0.5, seed=0)
    source = method.source((4, 16, 16), 20 / 16, pools)
    collector = Collector(Oracle(by_brightness, budget=budget, batch_size=5), source)
    recipes = method.plan(source, budget, torch.Generator().manual_seed(seed))
    collector.ask(recipes, method.truth(source, recipes))
    return collector.done()


def test_a_set_from_disk_has_the_clips_that_the_victim_was_sent(store_folder, tmp_path):
    asked = ask(store_folder, 30)
    asked.save(tmp_path)
    again = TransferSet.open(tmp_path, asked.source)
    clips = again.training_batch(torch.arange(30), torch.Generator(), torch.device("cpu"))
    assert clips.dtype == torch.uint8 and clips.shape == (30, 4, 16, 16, 3)
    assert torch.allclose(by_brightness(clips), again.answers, atol=1e-6)
    with pytest.raises(ValueError, match="keeps no clips"):
        TransferSet.open(tmp_path, None)


def test_budgets_are_nested(store_folder):
    asked = ask(store_folder, 30)
    for budget in (0, 1, 7, 30, 99):
        part = asked.prefix(budget)
        assert len(part) == min(budget, 30)
        assert torch.equal(part.recipes, asked.recipes[:budget])


def test_clips_that_are_not_learnt_from_count_in_the_prefix():
    oracle = Oracle(by_brightness, budget=20)
    collector = Collector(oracle)
    kept = torch.full((4, 4, 8, 8, 3), 100.4)
    collector.ask_clips(kept)
    oracle(kept, "probes")
    collector.ask_clips(kept)
    found = collector.done()
    assert [len(found.prefix(b)) for b in (3, 4, 8, 9, 12)] == [3, 4, 4, 5, 8]
    # Sent as pixels of 8 bits, and kept so.
    assert (found.source.clips(found.recipes) == 100).all()


def test_a_clone_learns_from_the_set_alone_what_the_victim_knows(store_folder):
    asked = ask(store_folder, 60)
    torch.manual_seed(0)
    clone = build("r3d", 3, layers=[1], width=4, takes=[2, 8])
    settings = Training(epochs=12, lr=0.01)
    criterion = losses.Criterion(Distillation())
    history = fit(clone, asked, settings, seed=0, resume=None, criterion=criterion)
    assert history["accuracy"][-1] > 0.9
    from vbd.data.examples import examples
    from vbd.data.store import ClipStore

    test = examples(ClipStore.open(store_folder), "test", crop=16)
    right = predict(clone, test, seed=0).argmax(1) == test.labels
    assert right.float().mean() > 0.9


def test_a_mirrored_clip_of_the_target_has_no_known_class_where_left_and_right_are_classes(
    store_folder,
):
    draws = torch.Generator().manual_seed(0)
    for flip in (False, True):
        pool = target(store_folder, 1.0, flip, draws)
        recipes = torch.stack([torch.arange(24.0), torch.arange(24.0)], 1).double()
        plain = Pooled([pool], (4, 20, 20))
        known = Pooled([pool], (4, 20, 20), mirrored=0.5).truth(recipes) >= 0
        assert plain.truth(recipes).tolist() == pool.labels.tolist()
        assert known.all() if flip else 4 < known.sum() < 20
        clips, turned_over = (
            Pooled([pool], (4, 20, 20), mirrored=share).clips(recipes) for share in (0.0, 1.0)
        )
        assert torch.equal(clips.flip(3), turned_over)


def test_pools_of_another_length_and_size_are_cut_to_the_victims(store_folder):
    pooled = Pooled([other("more", store_folder)], (8, 24, 24), room=20 / 16)
    clips = pooled.clips(torch.tensor([[0.0, 1.0], [40.0, 2.0]]).double())
    assert clips.shape == (2, 8, 24, 24, 3) and clips.dtype == torch.uint8
    assert clips[1].float().mean() > clips[0].float().mean() + 90


def test_turning_a_quarter_moves_corners_and_brightness_is_on_pixels():
    clip = torch.zeros(1, 2, 8, 8, 3, dtype=torch.uint8)
    clip[:, :, :4, :4] = 200
    quarter = turned(clip, torch.tensor([90.0]))
    assert torch.equal(quarter, torch.rot90(clip, -1, (2, 3))) or torch.equal(
        quarter, torch.rot90(clip, 1, (2, 3))
    )
    assert brightened(clip, torch.tensor([1.5])).unique().tolist() == [0, 255]
    assert brightened(clip, torch.tensor([0.5])).unique().tolist() == [0, 100]
    still = torch.eye(2, 3).expand(1, 2, 2, 3)
    assert torch.equal(warped(clip, still), clip)


def test_resampling_keeps_the_gradient_and_what_need_not_change():
    clips = torch.rand(2, 8, 16, 16, 3, requires_grad=True)
    assert torch.equal(resampled(clips, 8, (16, 16)), clips)
    small = resampled(clips, 4, (8, 8))
    assert small.shape == (2, 4, 8, 8, 3)
    small.sum().backward()
    assert (clips.grad.flatten(2).abs().sum(2) > 0).sum() == 2 * 4
    assert torch.allclose(small.mean(), clips[:, 1::2].mean(), atol=0.02)


def test_a_model_takes_clips_down_by_itself():
    model = build("r3d", 3, layers=[1], width=4, takes=[2, 8]).eval()
    clips = torch.randint(0, 256, (2, 8, 16, 16, 3), dtype=torch.uint8)
    small = resampled(clips, 2, (8, 8))
    model_of_small = build("r3d", 3, layers=[1], width=4).eval()
    model_of_small.load_state_dict(model.state_dict())
    assert torch.allclose(model(clips), model_of_small(small), atol=1e-5)
    with pytest.raises(ValueError, match=r"takes: .* no video model of ours"):
        build("torch.nn:Linear", 3, takes=[2, 8], out_features=3)


def test_labels_are_answers_and_the_truth_in_the_last_column(store_folder):
    asked = ask(store_folder, 12)
    assert asked.labels.shape == (12, 4)
    assert np.array_equal(asked.labels[:, 3].long(), asked.truth)
    assert ((asked.truth >= 0) | (asked.truth == -1)).all()
