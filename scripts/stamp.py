"""The step in vbd/steps/stamp.py; `vbd stamp` where the library is installed."""

from vbd.steps.stamp import main

if __name__ == "__main__":
    main()
