"""The step in vbd/steps/fuse.py; `vbd fuse` where the library is installed."""

from vbd.steps.fuse import main

if __name__ == "__main__":
    main()
