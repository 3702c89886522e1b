// Loaded before the first paint, so that nothing flashes: the theme (the system's unless the person chose), and the
// zone in which the server is to write times.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = (value) => {
    try { return value ? localStorage.setItem("theme", value) : localStorage.getItem("theme"); } catch { return null; }
  };
  const set = () => { root.dataset.bsTheme = chosen() || (system.matches ? "dark" : "light"); };
  root.classList.add("js");
  set();
  system.addEventListener("change", set);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  addEventListener("DOMContentLoaded", () => document.getElementById("theme")?.addEventListener("click", () => {
    chosen(root.dataset.bsTheme === "dark" ? "light" : "dark");
    set();
  }));
})();
