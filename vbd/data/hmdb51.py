"""The reader of HMDB-51."""

from pathlib import Path

from vbd.data.index import Listing, folders_in, table, videos_in

SOURCE = "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/"
SPLITS = {"1": "train", "2": "test"}  # and 0: not used in this split


def read(root: Path, *, split: int = 1) -> Listing:
    """List the clips of ``root``/videos/<class>/ by ``root``/splits/<class>_test_split<split>.txt.

    ``split`` is 1, 2 or 3. The group is what stands before _<class>_ in the file's name, the film
    or video that the clip was cut from. Only classes whose folder exists count; clips that their
    lists name and the disk lacks are counted, by class, not refused.
    Raises FileNotFoundError if a class's list or every video is missing, saying what to put where.
    """
    records: list[tuple[str, str, str, str]] = []
    absent: dict[str, int] = {}
    unlisted = 0
    for folder in folders_in(root / "videos"):
        marks = _marks(root / "splits" / f"{folder.name}_test_split{split}.txt")
        present = set(videos_in(folder))
        # Clips marked 0 are left out, but the lists name them: they are not unlisted.
        used = {name for name, mark in marks.items() if mark in SPLITS}
        records += [
            (f"videos/{folder.name}/{name}", folder.name, group, SPLITS[marks[name]])
            for name in used & present
            for group in [_group(name, folder.name)]
        ]
        if used - present:
            absent[folder.name] = len(used - present)
        unlisted += len(present - marks.keys())
    if not records:
        raise FileNotFoundError(
            f"no video that the lists name is under {root / 'videos'}: download hmdb51_org.rar "
            f"from {SOURCE} and unpack or link its class folders there"
        )
    return Listing(table(records), absent, unlisted)


def _marks(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: download test_train_splits.rar from {SOURCE} "
            f"and unpack or link its text files to {file.parent}"
        )
    lines = (line.rsplit(maxsplit=1) for line in file.read_text().splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2}


def _group(name: str, class_name: str) -> str:
    # The last one counts: "Golf_Tips_golf_golf_f_cm..." is a clip of "Golf_Tips_golf".
    source, marker, _ = name.rpartition(f"_{class_name}_")
    return source if marker else Path(name).stem
