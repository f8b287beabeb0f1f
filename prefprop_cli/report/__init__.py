"""Run folders in, the paper's tables and figures out: ours, with statistics, beside the paper's."""
