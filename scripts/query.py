"""The step in vbd/steps/query.py; `vbd query` where the library is installed."""

from vbd.steps.query import main

if __name__ == "__main__":
    main()
