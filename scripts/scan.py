"""The step in vbd/steps/scan.py; `vbd scan` where the library is installed."""

from vbd.steps.scan import main

if __name__ == "__main__":
    main()
