"""The step in vbd/steps/compare.py; `vbd compare` where the library is installed."""

from vbd.steps.compare import main

if __name__ == "__main__":
    main()
