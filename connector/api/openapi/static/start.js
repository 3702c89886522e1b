"use strict";

window.addEventListener("load", () => {
  const config = JSON.parse(document.getElementById("config").textContent);
  const token = document.getElementById("token");
  const ui = SwaggerUIBundle({
    ...config,
    presets: [SwaggerUIBundle.presets.apis],
    onComplete: () => token && ui.preauthorizeApiKey("OAuth2", token.textContent.trim()),
  });
});
