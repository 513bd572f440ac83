"""The step in vbd/steps/optimise.py; `vbd optimise` where the library is installed."""

from vbd.steps.optimise import main

if __name__ == "__main__":
    main()
