"""The step in vbd/steps/embed.py; `vbd embed` where the library is installed."""

from vbd.steps.embed import main

if __name__ == "__main__":
    main()
