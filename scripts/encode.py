"""The step in vbd/steps/encode.py; `vbd encode` where the library is installed."""

from vbd.steps.encode import main

if __name__ == "__main__":
    main()
