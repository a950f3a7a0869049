// Draws every figure of the page in the page's own colours, and again when they change.
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function colored(layout) {
  const page = getComputedStyle(document.documentElement);
  const color = (name) => page.getPropertyValue(name).trim();
  const paint = (axis) => ({
    ...axis,
    color: color("--quiet"),
    gridcolor: color("--line"),
    title: { ...(axis.title || {}), font: { color: color("--text"), size: 13 } },
  });
  const painted = {
    ...layout,
    font: { ...layout.font, color: color("--text") },
    hoverlabel: {
      ...layout.hoverlabel,
      bgcolor: color("--raised"),
      bordercolor: color("--line"),
      font: { ...(layout.hoverlabel || {}).font, color: color("--text") },
    },
  };
  for (const key of Object.keys(painted)) {
    if (/^[xy]axis\d*$/.test(key)) painted[key] = paint(painted[key]);
  }
  if (painted.scene) {
    painted.scene = { ...painted.scene };
    for (const key of ["xaxis", "yaxis", "zaxis"]) painted.scene[key] = paint(painted.scene[key] || {});
  }
  return painted;
}

function draw() {
  for (const source of document.querySelectorAll("script[data-figure]")) {
    const figure = JSON.parse(source.textContent);
    Plotly.react(source.dataset.figure, figure.data, colored(figure.layout), {
      displaylogo: false,
      responsive: true,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
    });
  }
}

draw();
dark.addEventListener("change", draw);
