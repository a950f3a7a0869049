// What happens in the browser alone: colours of figures, light and dark, tabs, an absent server.
(() => {
  const root = document.documentElement;
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const KEY = "moopt-theme";
  // A token has done its work once the page is here: it is not to stay in the address.
  const address = new URL(window.location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    window.history.replaceState(null, "", address);
  }

  const chosen = () => {
    try { return window.localStorage.getItem(KEY); } catch { return null; }
  };
  const current = () => chosen() || (systemDark.matches ? "dark" : "light");
  const apply = () => { root.dataset.theme = current(); };
  apply();
  systemDark.addEventListener("change", () => {
    apply();
    window.dash_clientside.set_props("theme", { data: current() });
  });

  function colored(layout) {
    const page = getComputedStyle(root);
    const color = (name) => page.getPropertyValue(name).trim();
    const paint = (axis) => ({
      ...axis,
      color: color("--quiet"),
      gridcolor: color("--line"),
      title: { ...(axis.title || {}), font: { color: color("--text"), size: 13 } },
    });
    const painted = {
      ...layout,
      width: undefined,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, color: color("--text") },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--quiet"), activecolor: color("--front") },
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
    if (window.innerWidth < 640) {
      painted.margin = { ...painted.margin, l: 52, r: 8, t: 12 };
      painted.legend = { ...painted.legend, font: { size: 11 }, y: -0.3, yanchor: "top" };
    }
    return painted;
  }

  // What the reader did to a figure stays when its trials change: zoom, camera, hidden traces.
  // Plotly's own uirevision does that too, but Dash draws once more after each zoom, which ends it.
  const given = {};
  const same = (one, two) => JSON.stringify(one) === JSON.stringify(two);
  const axes = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
  const kind = (trace) => (trace.name || "").replace(/ \(.*\)$/, "");

  function kept(name, figure) {
    const layout = figure.layout;
    const before = given[name] || {};
    given[name] = Object.fromEntries(axes(layout).map((key) => [key, layout[key].range]));
    const drawn = document.getElementById(JSON.stringify({ name, type: "graph" }))?.querySelector(".js-plotly-plot");
    if (!drawn?.layout || !layout.uirevision || drawn.layout.uirevision !== layout.uirevision) return figure;
    for (const key of axes(layout)) {
      const now = drawn.layout[key];
      if (!now || !same(before[key], layout[key].range)) continue;
      const isMoved = before[key] ? !same(before[key], now.range) : now.autorange === false;
      if (isMoved) layout[key] = { ...layout[key], range: [...now.range], autorange: false };
    }
    if (layout.scene && drawn.layout.scene?.camera) layout.scene.camera = drawn.layout.scene.camera;
    const hidden = new Set(drawn.data.filter((trace) => trace.visible === "legendonly").map(kind));
    figure.data = figure.data.map((trace) => (hidden.has(kind(trace)) ? { ...trace, visible: "legendonly" } : trace));
    return figure;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    moopt: {
      paint: (figure) => {
        if (!figure) return figure;
        const { name } = window.dash_clientside.callback_context.outputs_list.id;
        return kept(name, { ...figure, layout: colored(figure.layout) });
      },
      // A figure brings Plotly's script, which occupies the page: first the page is on the screen.
      later: async (component) => {
        await document.querySelector(".first-look img")?.decode();
        const frame = () => new Promise((next) => { window.requestAnimationFrame(next); });
        if (!document.hidden) await frame().then(frame);
        return component;
      },
      theme: (clicks) => {
        if (clicks) {
          const next = current() === "dark" ? "light" : "dark";
          try { window.localStorage.setItem(KEY, next); } catch { /* it lasts as long as the page */ }
          root.dataset.theme = next;
        }
        const now = root.dataset.theme;
        return [now, now === "dark" ? "Light" : "Dark"];
      },
      open: (_clicks, known) => {
        const pressed = window.dash_clientside.callback_context.triggered_id;
        if (!pressed || pressed.name === known) throw window.dash_clientside.PreventUpdate;
        const names = window.dash_clientside.callback_context.inputs_list[0].map((each) => each.id.name);
        const is = names.map((name) => name === pressed.name);
        // Figures that were drawn while hidden have no size yet.
        window.setTimeout(() => window.dispatchEvent(new Event("resize")), 50);
        return [pressed.name, is.map(String), is.map((each) => (each ? 0 : -1)), is.map((each) => !each)];
      },
      name: (title) => {
        document.title = title ? `${title} · moopt` : "moopt";
        return "";
      },
    },
  });

  // Dash 4 gives lists of native radio buttons and check boxes the roles of a list box, which hides
  // them from screen readers, and lets the keyboard reach a nameless field instead of the drop-down.
  function mend() {
    for (const list of document.querySelectorAll(".dash-radioitems, .dash-checklist")) {
      for (const each of [list, ...list.querySelectorAll("[role], [aria-selected]")]) {
        each.removeAttribute("role");
        each.removeAttribute("aria-selected");
      }
    }
    for (const target of document.querySelectorAll(".dash-dropdown-focus-target[tabindex='0']")) {
      target.tabIndex = -1;
      const button = target.parentElement.querySelector("button.dash-dropdown");
      const label = target.closest(".field")?.querySelector("label");
      if (!button || !label) continue;
      label.id = `${button.id}-label`;
      button.tabIndex = 0;
      button.setAttribute("aria-labelledby", `${label.id} ${button.id}-value`);
    }
  }
  let isMending = false;
  new MutationObserver(() => {
    if (isMending) return;
    isMending = true;
    window.requestAnimationFrame(() => { isMending = false; mend(); });
  }).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["aria-selected", "tabindex"],
  });

  // Arrow keys go from tab to tab, as everywhere.
  document.addEventListener("keydown", (event) => {
    if (event.target.getAttribute?.("role") !== "tab") return;
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    const place = tabs.indexOf(event.target);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    tab.focus();
    tab.click();
  });

  // A server that is gone is said, not guessed from a page that stands still.
  const ask = window.fetch.bind(window);
  window.fetch = async (...all) => {
    const note = document.getElementById("away");
    try {
      const answer = await ask(...all);
      if (note) note.hidden = ![401, 403].includes(answer.status) && answer.status < 500;
      return answer;
    } catch (error) {
      if (note) note.hidden = false;
      throw error;
    }
  };
})();
