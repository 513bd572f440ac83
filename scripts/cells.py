"""The step in vbd/steps/cells.py; `vbd cells` where the library is installed."""

from vbd.steps.cells import main

if __name__ == "__main__":
    main()
