"""The step in vbd/steps/gallery.py; `vbd gallery` where the library is installed."""

from vbd.steps.gallery import main

if __name__ == "__main__":
    main()
