"""The step in vbd/steps/figure.py; `vbd figure` where the library is installed."""

from vbd.steps.figure import main

if __name__ == "__main__":
    main()
