"""The step in vbd/steps/vae.py; `vbd vae` where the library is installed."""

from vbd.steps.vae import main

if __name__ == "__main__":
    main()
