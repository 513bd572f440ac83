"""Files of weights by the names that their publishers gave them, and where those have them."""

MMACTION2 = "https://download.openmmlab.com/mmaction/recognition"
TORCHVISION = "https://download.pytorch.org/models"

ADDRESSES = {
    "i3d_r50_32x2x1_100e_kinetics400_rgb_20200614-c25ef9a4.pth": (
        f"{MMACTION2}/i3d/i3d_r50_32x2x1_100e_kinetics400_rgb"
    ),
    "slowfast_r50_256p_4x16x1_256e_kinetics400_rgb_20200728-145f1097.pth": (
        f"{MMACTION2}/slowfast/slowfast_r50_256p_4x16x1_256e_kinetics400_rgb"
    ),
    "tsm_r50_dense_1x1x8_50e_kinetics400_rgb_20210701-a54ff3d3.pth": (
        f"{MMACTION2}/tsm/tsm_r50_dense_1x1x8_50e_kinetics400_rgb"
    ),
    "c3d_sports1m_pretrain_20201016-dcc47ddc.pth": f"{MMACTION2}/c3d",
    "swin3d_b_1k-24f7c7c6.pth": TORCHVISION,
    "resnet18-f37072fd.pth": TORCHVISION,
    "swin_base_patch244_window877_kinetics400_1k.pth": (
        "https://github.com/SwinTransformer/storage/releases/download/v1.0.4"
    ),
    "modelA2_statedict_v3": "https://github.com/Atze00/MoViNet-pytorch/tree/main/weights",
    "r2plus1d_34_clip32_ig65m_from_scratch-449a7af9.pth": (
        "https://github.com/moabitcoin/ig65m-pytorch/releases/download/v1.0.0"
    ),
}
"""By name, the folder that the file is in."""


def published(name: str) -> str:
    """A sentence on where the file called ``name`` is published; nothing where nobody knows."""
    return f" Published as {name} at {ADDRESSES[name]}." if name in ADDRESSES else ""
