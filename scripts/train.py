"""The step in vbd/steps/train.py; `vbd train` where the library is installed."""

from vbd.steps.train import main

if __name__ == "__main__":
    main()
