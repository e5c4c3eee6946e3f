"""How rounds ended."""

from typing import TYPE_CHECKING, Final

from warmstart.analysis import Summary

from ._style import WIDTH, altair

if TYPE_CHECKING:
    import altair as alt

# Black text is readable on each of them.
COLOURS: Final = {"converged": "#009E73", "plateau": "#56B4E9", "limit": "#E69F00", "diverged": "#D55E00"}


def stop_reasons_chart(summary: Summary) -> "alt.LayerChart":
    """Return one bar per strategy, split by how its rounds ended, with the counts written in."""
    alt, rows = altair(), []
    for arm in summary.arms:
        start = 0
        for reason, count in arm.stop_reasons.items():
            place = {"start": start, "end": start + count, "middle": start + count / 2}
            rows += [{"arm": arm.arm, "stop_reason": reason, "count": count, **place}] if count else []
            start += count
    labels = [arm.arm for arm in summary.arms]
    arms = alt.Y("arm:N", sort=labels, title=None, axis=alt.Axis(labelLimit=190, domain=False, ticks=False))
    # All four in the legend, also those that did not happen: the colours then mean the same in every report.
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    base = alt.Chart(alt.Data(values=rows)).encode(y=arms)
    bars = base.mark_bar(height={"band": 0.72}).encode(
        x=alt.X(
            "start:Q",
            title="rounds",
            axis=alt.Axis(tickMinStep=1, tickCount=8, format=",d", labelOverlap=True),
            scale=alt.Scale(nice=False),
        ),
        x2="end:Q",
        color=alt.Color("stop_reason:N", scale=scale, legend=alt.Legend(orient="bottom", title=None, columns=2)),
        tooltip=[
            alt.Tooltip("arm:N", title="strategy"),
            alt.Tooltip("stop_reason:N", title="stop reason"),
            alt.Tooltip("count:Q", title="rounds"),
        ],
    )
    counts = base.mark_text(color="black", fontSize=12).encode(x="middle:Q", text="count:Q")
    return alt.layer(bars, counts).properties(title="Rounds by stop reason", width=WIDTH, height=34 * len(labels))
