"""Page Live, top to bottom: what runs, start and stop, what each variant does now, and how it went so far."""

from __future__ import annotations

import base64
import io

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from qexplorer.core.foreign.media import in_chart, in_html
from qexplorer.core.words.numbers import number_text
from qexplorer.jobs.kinds.live import LIVE
from qexplorer.jobs.live import beat, notes_of, windows_of
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.measure.live.windows import SIDES, LiveWindow, speed, totals
from qexplorer.report.comparison_charts.live import (
    PANELS,
    colours_of,
    live_frame,
    live_spec,
    saved_spec,
    speed_sentence,
    title_of,
)
from qexplorer.report.metric_words import stated, value_text
from qexplorer.report.pictures import is_picture, pictures
from qexplorer.ui.charts import draw_saving
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import cancel_job, job_state, latest_job
from qexplorer.ui.job_section import StartButton, draw_job, draw_start
from qexplorer.ui.live.controls import Chosen, draw_choice, order_now, start, steer_now
from qexplorer.ui.session import as_plain, current_model, data_reference, fitted_data, model_reference, state

__all__ = ["draw_live_page"]

_LOOK_S = 0.5
_START = StartButton("Start", ":material/play_arrow:", primary=True)


def draw_live_page() -> None:
    """Draws the page."""
    st.title("Live")
    if state().model is None:
        draw_no_model("With one, float and quantized run side by side here until you stop them.")
        return
    st.markdown("Two variants on the same stream of samples, as they run. Change either while it runs.")
    model = current_model()
    if model is None:
        return
    if model.untrained:
        st.info("Untrained: time, power and memory mean something; its answers do not and are not counted.")
    lacks = lacks_data("the stream is made of its samples")
    if lacks is not None:
        st.caption(lacks)
        return
    chosen = draw_choice()
    job = _job()
    with st.container(horizontal=True, vertical_alignment="center", key="live_go"):
        if job is not None and job.is_running:
            if st.button("Stop", icon=":material/stop_circle:", key="live_stop"):
                with st.spinner("Ending the stream"):
                    cancel_job(job.id)
                st.rerun()
        else:
            order = order_now(chosen)
            if draw_start(LIVE.name, _START, off=order is None) and order is not None:
                start(order)
                st.rerun()
        st.caption("It stops by itself when this page is closed or left.")
    if job is None:
        st.caption("Nothing runs yet: press Start, and the first numbers come in a few seconds.")
    elif job.is_running:
        steer_now(job.id, chosen)
        _running(job.id, chosen)
    else:
        _ended(job, chosen)


def _job() -> JobState | None:
    """This session's stream, if it is about the model that is chosen now."""
    job = latest_job(LIVE)
    order = None if job is None else LIVE.order_of(job)
    model = model_reference()
    if order is None or model is None or order.model.source != model.source or order.data != data_reference():
        return None
    return job


@st.fragment(run_every=_LOOK_S)
def _running(job_id: str, chosen: dict[str, Chosen]) -> None:
    beat(job_id)
    job = job_state(job_id)
    if job is None or not job.is_running:
        st.rerun()
        return
    windows = windows_of(job_id)
    waits = job.step.startswith("waiting")  # for a person; the notes say why
    if job.waiting is not None:
        others = "others have their turn" if windows else "others were first"
        st.caption(f":material/hourglass_top: {as_plain(job.waiting.sentence)} ({others}).")
    elif not waits and (not windows or job.step != "streaming"):
        st.caption(f":material/hourglass_top: {as_plain(job.step)}: usually a few seconds, the first time of a recipe.")
    _draw(windows, notes_of(job_id), chosen)


def _ended(job: JobState, chosen: dict[str, Chosen]) -> None:
    if job.status is JobStatus.FAILED:  # a stream that was stopped needs no word
        draw_job(job, place=f"page_{LIVE.name}")
    windows = windows_of(job.id)
    if windows:
        st.caption(f"The stream has ended after {windows[-1].t_s:.0f} s; these are its last numbers.")
    _draw(windows, notes_of(job.id), chosen, ended=True)


def _draw(windows: list[LiveWindow], notes: dict[str, str], chosen: dict[str, Chosen], *, ended: bool = False) -> None:
    colours = colours_of({p: c.backend for p, c in chosen.items()}, {p: c.name for p, c in chosen.items()})
    for place, reason in notes.items():
        st.warning(as_plain(f"{chosen[place].label}: {reason}"), icon=":material/block:")
    if not windows:
        return
    _now(windows, chosen, colours)
    columns = st.columns(3, gap="medium")
    metric = windows[-1].metric
    for index, panel in enumerate(PANELS):
        frame = live_frame(windows, panel)
        with columns[index % 3]:
            if frame.empty:
                st.caption(f"{as_plain(title_of(panel, metric))}: not counted here")
            else:
                st.vega_lite_chart(frame, in_chart(live_spec(panel, colours, metric)), key=f"live_{panel.key}")
                if ended:
                    labels = {place: each.label for place, each in chosen.items()}
                    spec = saved_spec(windows, panel, colours, labels, metric=metric, settings=_settings(windows))
                    draw_saving(spec, key=f"live_{panel.key}")
    source = next((side.watts_source for side in windows[-1].sides.values()), "estimated")
    told = "estimated from processor time, above idle" if source == "estimated" else f"{source}, idle included"
    st.caption(
        as_plain(
            "Last 60 seconds, a point each half second. Bands: median to 90th percentile of latency, drawn up to 3 "
            f"medians; 95 % interval of right answers. Power is {told}."
        )
    )


def _settings(windows: list[LiveWindow]) -> str:
    """What a chart that is taken away is about."""
    model, data = current_model(), fitted_data()
    about = [model.name if model else "", data.name if data else "", f"a stream of {windows[-1].t_s:.0f} s"]
    return ", ".join(filter(None, about))


def _now(windows: list[LiveWindow], chosen: dict[str, Chosen], colours: dict[str, str]) -> None:
    """A card for each variant with its numbers now, and between them the last sample and what both say."""
    last = windows[-1]
    same = len({each.backend for each in chosen.values()}) == 1 and len({c.name for c in chosen.values()}) > 1
    one, other = (chosen[place].name if same else chosen[place].label for place in SIDES)
    sentence = speed_sentence(one, other, speed(windows))
    agree = f"same class for {last.agree:,} of {last.both:,} samples" if last.agree is not None and last.both else None
    line = ", ".join(part for part in (sentence, agree) if part)
    if line:
        st.markdown(f"#### {as_plain(line)}")
    left, middle, right = st.columns([3, 2, 3], gap="medium")
    for place, column in zip(SIDES, (left, right), strict=True):
        with column:
            _card(place, windows, chosen[place], colours[place])
    with middle:
        _sample(last, chosen)


def _card(place: str, windows: list[LiveWindow], chosen: Chosen, colour: str) -> None:
    side = windows[-1].sides.get(place)
    with st.container(border=True, key=f"live_card_{place}"):
        st.html(f"<div style='font-weight:600'><span style='color:{colour}'>■</span> {in_html(chosen.label)}</div>")
        number = totals(windows, place)
        if side is None or number is None:
            st.caption("not running")
            return
        with st.container(horizontal=True):
            st.metric("Latency", f"{number_text(number[0])} ms")
            st.metric("Throughput", f"{number[1]:,.0f} /s")
            if side.watts is not None:
                power = "Power, estimated" if side.watts_source == "estimated" else "Power"
                st.metric(power, f"{number_text(side.watts, 2)} W")
            metric = windows[-1].metric
            if side.value is not None and metric is not None:
                found = stated(metric, side.value, side.judged)
                label = found.label[:1].upper() + found.label[1:]
                st.metric(label, value_text(found), help=f"on {side.judged:,} different samples")


def _sample(last: LiveWindow, chosen: dict[str, Chosen]) -> None:
    """The window's last sample as a picture, where it is one, with what both variants name it.

    Picture and words are one element: as two, the picture would lag behind the words.
    """
    data = fitted_data()
    if data is None or last.position is None or last.position >= data.evaluation.n:
        return
    names, labels = data.classes, data.evaluation.labels
    row = next(iter(data.evaluation.inputs.values()))[last.position : last.position + 1]
    lines = []
    if labels is not None and last.said and labels.ndim == 1:  # where answers are classes, labels are too
        lines.append(f"label <b>{in_html(_class(int(labels[last.position]), names))}</b>")
    lines += [
        f"{in_html(chosen[p].name)}: <b>{in_html(_class(c, names))}</b>" for p, c in last.said.items() if p in chosen
    ]
    picture = f"<img src='{_as_url(pictures(row)[0])}' width='104'>" if is_picture(row.shape[1:]) else ""
    st.html(f"<div style='font-size:0.88rem'>{picture}<div>{'<br>'.join(lines)}</div></div>")


def _as_url(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _class(index: int, names: tuple[str, ...]) -> str:
    return names[index] if 0 <= index < len(names) else str(index)
