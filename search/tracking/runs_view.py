"""A view of MLflow's list of runs: trainings folded under their sweep, with columns for what was found and where.

MLflow keeps shared views as tags of an experiment and opens one by its name in the address. Without one, it is for each
browser to say which columns it shows.
"""

import hashlib
import json
from collections.abc import Sequence
from urllib.parse import quote

from search.tracking.run_content import WORKFLOW

TAG = "mlflow.sharedViewState."  # begins the name of the tag that holds a view
# As the pages of MLflow 3.17 write it.
STATE = {
    "searchFilter": "", "orderByKey": "attributes.start_time", "orderByAsc": False, "startTime": "ALL",
    "lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs", "columnOrder": [],
    "columnWidths": {}, "runsExpanded": {}, "runsPinned": [], "runsHidden": [], "runsVisibilityMap": {},
    "runsHiddenMode": "FIRST_10_RUNS", "viewMaximized": False, "runListHidden": False, "isAccordionReordered": False,
    "useGroupedValuesInCharts": True, "hideEmptyCharts": True, "groupBy": None, "groupsExpanded": {},
    "autoRefreshEnabled": True,
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}  # fmt: skip


def runs_view(tags: Sequence[str], metric: str) -> tuple[str, str]:
    """(name, state as JSON) of the view with columns for these tags and a metric."""
    columns = [*(f"tags.`{tag}`" for tag in tags), f"metrics.`{metric}`"]
    name = "hyperphase-" + hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:8]
    return name, json.dumps(STATE | {"selectedColumns": columns})


def view_address(experiment: str, name: str) -> str:
    """Address of the list of runs in the view."""
    return f"#/experiments/{experiment}/runs?{WORKFLOW}&viewStateShareKey={quote(name)}"
