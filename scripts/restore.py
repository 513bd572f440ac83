"""The step in vbd/steps/restore.py; `vbd restore` where the library is installed."""

from vbd.steps.restore import main

if __name__ == "__main__":
    main()
