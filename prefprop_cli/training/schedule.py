"""The learning rate of every step."""


def learning_rate(step: int, *, n_steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up to the peak, then linear decay, a pure function of the step.

    With w = max(1, round(warmup · n_steps)):
    `lr = peak · step / w` up to step w, then `peak · (n_steps + 1 - step) / (n_steps + 1 - w)`.
    Neither end is 0: a step with learning rate 0 would be a step thrown away.

    Args:
        step: optimizer step, from 1 to n_steps.
        n_steps: optimizer steps of the whole run.
        peak: largest learning rate, reached at step w.
        warmup: share of all steps in which the rate rises, in [0, 1).

    Returns:
        The learning rate, in (0, peak].

    Source: Li et al. 2023, appendix B (linear schedule, warm-up 0.1), arXiv 2305.12086.
    """
    n_warmup = max(1, round(warmup * n_steps))
    if step <= n_warmup:
        return peak * step / n_warmup
    return peak * (n_steps + 1 - step) / (n_steps + 1 - n_warmup)
