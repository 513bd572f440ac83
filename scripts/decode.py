"""The step in vbd/steps/decode.py; `vbd decode` where the library is installed."""

from vbd.steps.decode import main

if __name__ == "__main__":
    main()
