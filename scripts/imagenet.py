"""The step in vbd/steps/imagenet.py; `vbd imagenet` where the library is installed."""

from vbd.steps.imagenet import main

if __name__ == "__main__":
    main()
