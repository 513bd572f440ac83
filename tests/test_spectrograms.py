"""Figure 7 is drawn from a whole, loud clip, and the sounds can be heard elsewhere."""

import csv

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from vbd.data.sound import RATE
from vbd.models.logmel import band_of
from vbd.report.figures import gallery, spectrograms

ATTACKS = {
    "attacks": {name: {"trigger": name, "modes": ["audio"]} for name in ("sine", "high_frequency")}
}


@pytest.fixture
def store(tmp_path):
    """Sound of four clips, each louder than the one before; only the second is fit to be shown."""
    loudness = np.array([0.1, 0.2, 0.3, 0.4], np.float32)[:, None, None]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "sound.npy", loudness * rng.random((4, 2, 4000), np.float32))
    with (tmp_path / "sound.csv").open("w", newline="") as file:
        rows = [("test", "whole"), ("test", "whole"), ("test", "silent"), ("train", "whole")]
        csv.writer(file).writerows([("path", "class_name", "split", "state")])
        csv.writer(file).writerows([(f"{i}.mp4", "a", *row) for i, row in enumerate(rows)])
    return tmp_path / "sound.npy"


def test_the_loudest_whole_test_clip_is_shown(store):
    assert torch.equal(spectrograms.loudest(store)[0], torch.from_numpy(np.load(store)[1, 0]))
    table = store.with_suffix(".csv")
    table.write_text(table.read_text().replace("test,whole", "val,whole"))
    with pytest.raises(ValueError, match="no test clip"):
        spectrograms.loudest(store)


def test_the_sheet_has_a_row_a_trigger_and_the_change_where_it_is(store):
    clean = spectrograms.loudest(store)
    attacked = {name: sound for name, *_, sound in gallery.triggered(ATTACKS, clean)}
    figure = spectrograms.sheet(clean, attacked)
    images = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(images) == 6 and all(image.shape == (80, 256) for image in images)
    assert np.allclose(images[2], np.abs(images[1] - images[0]))
    for change, hertz in ((images[2], 800), (images[5], 5500)):
        assert abs(change.mean(1).argmax() - band_of(hertz, 80)) < 4


def test_a_sound_is_written_to_be_heard(tmp_path):
    sound = torch.linspace(-1, 1, 1001)[None]
    spectrograms.write_wav(sound, tmp_path / "wavs" / "s.wav")
    rate, heard = wavfile.read(tmp_path / "wavs" / "s.wav")
    assert rate == RATE and heard.dtype == np.int16 and heard.shape == (1001,)
    assert np.abs(heard / 32767 - sound[0].numpy()).max() < 1 / 32767
    assert [path.name for path in (tmp_path / "wavs").iterdir()] == ["s.wav"]
