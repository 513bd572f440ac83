"""The step in vbd/steps/detect.py; `vbd detect` where the library is installed."""

from vbd.steps.detect import main

if __name__ == "__main__":
    main()
