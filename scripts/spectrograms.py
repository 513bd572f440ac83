"""The step in vbd/steps/spectrograms.py; `vbd spectrograms` where the library is installed."""

from vbd.steps.spectrograms import main

if __name__ == "__main__":
    main()
