"""The step in vbd/steps/defend.py; `vbd defend` where the library is installed."""

from vbd.steps.defend import main

if __name__ == "__main__":
    main()
