"""The step in vbd/steps/page.py; `vbd page` where the library is installed."""

from vbd.steps.page import main

if __name__ == "__main__":
    main()
