# The file of the configuration, before Snakemake reads it: Snakemake names no line of a mistake.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# This folder comes first: its own vbd, and a user's own classes.
sys.path.insert(0, "")
from vbd.mistakes import ConfigError
from vbd.stated import Stated

BASE = [] if workflow.config_settings.replace_workflow_config else [Path("params.yaml")]
try:
    STATED = Stated(
        [*BASE, *workflow.overwrite_configfiles], workflow.config_settings.config
    )
except ConfigError as error:
    raise WorkflowError(str(error))
