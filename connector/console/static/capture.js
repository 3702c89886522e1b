// Opens Onfido's Web SDK on the user's page, and comes back for the result.
addEventListener("DOMContentLoaded", () => {
  const mount = document.getElementById("onfido-mount");
  const comeBack = () => document.getElementById("done").requestSubmit();
  const fail = () => { document.getElementById("failed").hidden = false; };
  if (!window.Onfido) return fail();
  const sdk = window.Onfido.init({
    containerId: mount.id,
    token: mount.dataset.token,
    workflowRunId: mount.dataset.run,
    language: mount.dataset.language,
    onComplete: comeBack,
    onUserExit: comeBack,
    onError: () => { sdk?.tearDown?.(); fail(); },
  });
});
