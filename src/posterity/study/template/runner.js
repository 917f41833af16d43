/* Runs a list of trials: the part of jsPsych's interface that study.js uses. */
const jsPsychModule = { ParameterType: { OBJECT: "OBJECT" } };

function initJsPsych({ display_element }) {
  const display = document.getElementById(display_element);
  let listener = null;
  let finish = null;

  const pluginAPI = {
    getKeyboardResponse({ callback_function, valid_responses }) {
      pluginAPI.cancelAllKeyboardResponses();
      listener = (event) => {
        const key = event.key.toLowerCase();
        if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
        if (!valid_responses.includes(key)) return;
        pluginAPI.cancelAllKeyboardResponses();
        callback_function({ key });
      };
      document.addEventListener("keydown", listener);
    },
    cancelAllKeyboardResponses() {
      document.removeEventListener("keydown", listener);
    },
  };

  const jsPsych = {
    pluginAPI,
    finishTrial(data = {}) {
      finish(data);
    },
    async run(timeline) {
      for (const trial of timeline) {
        const data = await new Promise((resolve) => {
          finish = resolve;
          display.replaceChildren();
          new trial.type(jsPsych).trial(display, trial);
        });
        if (trial.on_finish) trial.on_finish(data);
      }
    },
  };
  return jsPsych;
}
