"""The step in vbd/steps/steal.py; `vbd steal` where the library is installed."""

from vbd.steps.steal import main

if __name__ == "__main__":
    main()
