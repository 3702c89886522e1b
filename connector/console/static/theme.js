// Loaded before the first paint, so that nothing flashes: the theme (the system's unless the person chose), the density of
// lists, and the zone in which the server is to write times.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = (name, value) => {
    try { return value ? localStorage.setItem(name, value) : localStorage.getItem(name); } catch { return null; }
  };
  const setTheme = (chosen = kept("theme")) => { root.dataset.bsTheme = chosen || (system.matches ? "dark" : "light"); };
  const setDensity = (chosen = kept("density")) => {
    root.dataset.density = chosen === "compact" ? "compact" : "comfortable";
    document.getElementById("density")?.setAttribute("aria-pressed", String(root.dataset.density === "compact"));
  };
  const choose = (set, name, value) => { kept(name, value); set(value); };
  root.classList.add("js");
  setTheme();
  setDensity();
  system.addEventListener("change", () => setTheme());
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  addEventListener("DOMContentLoaded", () => {
    setDensity();
    document.getElementById("theme")?.addEventListener("click", () => choose(setTheme, "theme", root.dataset.bsTheme === "dark" ? "light" : "dark"));
    document.getElementById("density")?.addEventListener("click", () => choose(setDensity, "density", root.dataset.density === "compact" ? "comfortable" : "compact"));
  });
})();
