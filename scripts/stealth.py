"""The step in vbd/steps/stealth.py; `vbd stealth` where the library is installed."""

from vbd.steps.stealth import main

if __name__ == "__main__":
    main()
