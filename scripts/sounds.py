"""The step in vbd/steps/sounds.py; `vbd sounds` where the library is installed."""

from vbd.steps.sounds import main

if __name__ == "__main__":
    main()
