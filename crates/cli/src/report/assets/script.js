"use strict";
(function () {
  var root = document.documentElement;
  root.classList.add("js");

  // What was chosen before, where the browser lets a file remember.
  function stored(key, value) {
    try {
      if (value === undefined) return localStorage.getItem("steelyard-" + key);
      localStorage.setItem("steelyard-" + key, value);
    } catch (e) { /* private mode: nothing is remembered */ }
    return null;
  }
  function each(selector, f) { Array.prototype.forEach.call(document.querySelectorAll(selector), f); }

  // Language.
  function speak(lang) {
    root.setAttribute("data-lang", lang);
    root.lang = lang === "zh" ? "zh-CN" : "en";
    each("[data-set-lang]", function (b) { b.setAttribute("aria-pressed", String(b.dataset.setLang === lang)); });
    each("[data-label-en]", function (e) { e.setAttribute("aria-label", e.getAttribute("data-label-" + lang)); });
    hide();
  }
  var preferred = stored("lang") || ((navigator.language || "en").toLowerCase().indexOf("zh") === 0 ? "zh" : "en");
  // Parts of the page may be shown anew at any time, so listeners stand on the document.
  function on(type, selector, f) {
    document.addEventListener(type, function (e) {
      var found = e.target.closest && e.target.closest(selector);
      if (found) f(found, e);
    });
  }
  on("click", "[data-set-lang]", function (b) { stored("lang", b.dataset.setLang); speak(b.dataset.setLang); });
  document.addEventListener("steelyard-shown", function () { speak(root.getAttribute("data-lang")); });

  // Theme.
  var theme = stored("theme");
  if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
  on("click", "#theme", function () {
    var dark = root.getAttribute("data-theme") === "dark" ||
      (!root.hasAttribute("data-theme") && matchMedia("(prefers-color-scheme: dark)").matches);
    root.setAttribute("data-theme", dark ? "light" : "dark");
    stored("theme", dark ? "light" : "dark");
  });

  // Tooltips: under the pointer, or by arrow keys in a focused chart.
  var tip = document.getElementById("tip"), lit = null;
  function hide() {
    tip.hidden = true;
    if (lit) lit.classList.remove("on");
    lit = null;
  }
  function show(mark, x, y) {
    var text = mark.getAttribute("data-" + root.getAttribute("data-lang"));
    if (!text) return hide();
    if (lit && lit !== mark) lit.classList.remove("on");
    lit = mark;
    mark.classList.add("on");
    tip.textContent = text;
    tip.hidden = false;
    var w = tip.offsetWidth, h = tip.offsetHeight, page = root.clientWidth;
    tip.style.left = scrollX + Math.max(4, Math.min(x + 14, page - w - 8)) + "px";
    tip.style.top = scrollY + (y - h - 12 > 0 ? y - h - 12 : y + 18) + "px";
  }
  document.addEventListener("pointermove", function (e) {
    var mark = e.target.closest && e.target.closest(".tip");
    if (mark) show(mark, e.clientX, e.clientY); else if (lit && !(document.activeElement || root).contains(lit)) hide();
  });
  document.addEventListener("pointerdown", function (e) {
    var mark = e.target.closest && e.target.closest(".tip");
    if (mark) show(mark, e.clientX, e.clientY); else hide();
  });
  on("keydown", ".chart", function (chart, e) {
    var step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    if (e.key === "Escape") return hide();
    if (!step) return;
    var marks = Array.prototype.filter.call(chart.querySelectorAll(".tip"), function (m) { return m.getBoundingClientRect().width > 0; });
    if (!marks.length) return;
    var at = marks.indexOf(lit);
    at = at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length;
    var box = marks[at].getBoundingClientRect();
    show(marks[at], box.left + box.width / 2, box.top);
    e.preventDefault();
  });
  on("focusout", ".chart", hide);

  // Sorting. Missing values stay last in both directions.
  on("click", "#ranked thead button", function (button) {
    var key = "data-" + button.dataset.key;
    var down = button.getAttribute("data-dir") === "up";
    each("#ranked thead button", function (b) { b.removeAttribute("data-dir"); });
    each("#ranked thead th", function (th) { th.removeAttribute("aria-sort"); });
    button.setAttribute("data-dir", down ? "down" : "up");
    button.parentNode.setAttribute("aria-sort", down ? "descending" : "ascending");
    var body = document.querySelector("#ranked tbody");
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var x = a.getAttribute(key), y = b.getAttribute(key);
      if (x === null || y === null) return (x === null) - (y === null);
      var n = Number(x) - Number(y);
      var order = isNaN(n) ? (x < y ? -1 : x > y ? 1 : 0) : n;
      return (down ? -order : order) || a.getAttribute("data-rank") - b.getAttribute("data-rank");
    });
    rows.forEach(function (row) { body.appendChild(row); });
  });

  // Hiding systems.
  function toggle(button, on) {
    button.setAttribute("aria-pressed", String(on));
    each(".series[data-system]", function (g) {
      if (g.getAttribute("data-system") === button.dataset.toggle) g.classList.toggle("off", !on);
    });
  }
  on("click", "[data-toggle]", function (button) { toggle(button, button.getAttribute("aria-pressed") !== "true"); });
  on("click", "[data-all]", function (button) {
    each("[data-toggle]", function (b) { toggle(b, button.dataset.all === "show"); });
  });

  // A link to a system opens it.
  function reveal() {
    var target = /^#sys-\d+$/.test(location.hash) && document.querySelector(location.hash);
    if (target) { target.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  speak(preferred === "zh" ? "zh" : "en");
  reveal();
})();
