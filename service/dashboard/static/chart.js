"use strict";

// Draws every figure of the page from the data that stands beside it, and adds its buttons.
(function () {
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false };
  const CHOICES = {
    span: [["recent", "Recent"], ["all", "All years"]],
    scale: [["linear", "Linear"], ["log", "Log"]],
  };

  function addChoice(tools, name, state, redraw) {
    const group = document.createElement("div");
    group.className = "choice";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", name === "span" ? "Years shown" : "Price scale");
    for (const [value, label] of CHOICES[name]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.setAttribute("aria-pressed", String(state[name] === value));
      button.addEventListener("click", function () {
        state[name] = value;
        for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
        redraw();
      });
      group.append(button);
    }
    tools.append(group);
  }

  function narrowed(annotations) {
    // No room for the number of every event that has happened: the lines stay, and the list names them.
    let row = 0;
    return annotations
      .filter(function (note) { return note.name !== "event, happened"; })
      .map(function (note) {
        if (note.name === "region") return Object.assign({}, note, { text: note.text.split(",")[0] });
        return Object.assign({}, note, { y: 0.985 - 0.056 * (row++ % 8) });
      });
  }

  function layoutOf(given, state, width) {
    const view = given.views[state.span + "/" + state.scale];
    const layout = Object.assign({}, given.layout);
    layout.xaxis = Object.assign({}, given.layout.xaxis, view.xaxis);
    layout.yaxis = Object.assign({ dtick: null }, given.layout.yaxis, view.yaxis);
    if (width >= 560) return layout;
    // On a telephone there is no room for a title along the axis; the heading names the unit.
    layout.yaxis.title = { text: "" };
    layout.margin = { l: 46, r: 6, t: 44, b: 30 };
    layout.font = Object.assign({}, layout.font, { size: 11 });
    layout.legend = Object.assign({}, layout.legend, { font: { size: 10 }, y: -0.1 });
    layout.annotations = narrowed(layout.annotations);
    layout.dragmode = false;
    return layout;
  }

  function draw(figure) {
    const plot = figure.querySelector("[data-plot]");
    const tools = figure.querySelector("[data-tools]");
    const given = JSON.parse(figure.querySelector("[data-figure]").textContent);
    const state = { span: "recent", scale: "linear" };
    const redraw = function () {
      return Plotly.react(plot, given.data, layoutOf(given, state, plot.clientWidth), CONFIG);
    };
    redraw().then(function () {
      for (const name of Object.keys(CHOICES)) addChoice(tools, name, state, redraw);
      tools.hidden = false;
      plot.dataset.drawn = "yes";
    });
  }

  for (const figure of document.querySelectorAll("figure.chart")) draw(figure);
})();
