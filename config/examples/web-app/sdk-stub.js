// In place of Onfido's Web SDK against a simulated Onfido, whose tokens the real one refuses: buttons for what a user does.
window.Onfido = {
  init({containerId, workflowRunId, onComplete, onError, onUserExit}) {
    const mount = document.getElementById(containerId);
    const add = (text, action) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", action);
      mount.append(button, " ");
    };
    const hint = document.createElement("p");
    hint.textContent = `Decide on the run ${workflowRunId} at the simulated Onfido, then complete it here.`;
    mount.append(hint);
    add("Complete", () => onComplete({}));
    add("Leave", () => onUserExit("USER_CONSENT_DENIED"));
    add("Fail", () => onError({type: "exception"}));
    return {tearDown: () => mount.replaceChildren()};
  },
};
