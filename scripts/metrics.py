"""The step in vbd/steps/metrics.py; `vbd metrics` where the library is installed."""

from vbd.steps.metrics import main

if __name__ == "__main__":
    main()
