"""The step in vbd/steps/render.py; `vbd render` where the library is installed."""

from vbd.steps.render import main

if __name__ == "__main__":
    main()
