"""The reader of any folder of videos that has one sub-folder a class."""

from pathlib import Path

from vbd.data.index import VIDEO_SUFFIXES, Listing, divide, folders_in, table, videos_in

TEST_SHARE = 0.3


def read(root: Path, *, split: int = 1) -> Listing:
    """List the videos of ``root``/<class>/, or of ``root``/{train,test}/<class>/.

    Without train and test folders, 30 % of each class (rounded, but at least one clip on each
    side) go to test, chosen by a hash of ``split`` and the file's name: each ``split`` is another
    division, and the same one everywhere. The only clip of a class goes to train. The group is
    the file's name without its suffix; videos beside the class folders count as unlisted.
    Raises FileNotFoundError if no class folder holds a video.
    """
    if (root / "train").is_dir() and (root / "test").is_dir():
        tops = {part: root / part for part in ("train", "test")}
        found = [
            (folder, {part: videos_in(folder)})
            for part, top in tops.items()
            for folder in folders_in(top)
        ]
    else:
        tops = {"": root}
        found = [
            (folder, divide(videos_in(folder), split, TEST_SHARE)) for folder in folders_in(root)
        ]
    records = [
        # No name tells which clips are of one recording: each is a group of its own.
        ((folder / name).relative_to(root).as_posix(), folder.name, Path(name).stem, part)
        for folder, parts in found
        for part, names in parts.items()
        for name in names
    ]
    if not records:
        raise FileNotFoundError(
            f"no video is in a class folder of {root}: put the videos "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}) into {root}/<class>/, "
            f"or into {root}/train/<class>/ and {root}/test/<class>/"
        )
    return Listing(table(records), unlisted=sum(len(videos_in(top)) for top in tops.values()))
