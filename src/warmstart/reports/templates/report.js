(() => {
  "use strict";
  const themes = JSON.parse(document.getElementById("themes").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  async function draw(figure) {
    const name = figure.dataset.chart;
    const spec = JSON.parse(document.getElementById(`spec-${name}`).textContent);
    const controls = figure.querySelector(".controls");
    views.get(name)?.finalize();
    controls.replaceChildren();
    const config = structuredClone(themes[dark.matches ? "dark" : "light"]);
    config.legend.columns = figure.clientWidth < 560 ? 1 : 2;
    const drawn = await window.vegaEmbed(figure.querySelector(".chart"), spec, {
      mode: "vega-lite",
      renderer: "svg",
      config,
      bind: controls,
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: name,
    });
    views.set(name, drawn);
    figure.dataset.drawn = dark.matches ? "dark" : "light";
  }

  // One after the other: the page stays readable while a long study is drawn.
  async function drawAll() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      await draw(figure).catch((error) => {
        figure.querySelector(".chart").textContent = `This chart could not be drawn: ${error.message}`;
        console.error(error);
      });
    }
  }

  dark.addEventListener("change", drawAll);
  drawAll();
})();
