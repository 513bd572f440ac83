"""The step in vbd/steps/table.py; `vbd table` where the library is installed."""

from vbd.steps.table import main

if __name__ == "__main__":
    main()
