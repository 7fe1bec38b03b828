// JupyterLab 4 and Notebook 7 draw a picture without the words that its metadata has for it. Here
// they get them, for those who do not see it. And where a widget's kernel has ended, its saved
// picture stands there with what to do. There is no build step: this file is the extension.

const NOTEBOOK = "@jupyterlab/notebook", RENDERMIME = "@jupyterlab/rendermime";
const VIEW = "application/vnd.jupyter.widget-view+json";
const LOST = "Error displaying widget: model not found"; // as ipywidgets says it
const CURE = "This is not live any more: its kernel has ended. Run the cell again.";
const PICTURES = ["image/png", "image/jpeg"];
let shared = {}; // name -> version -> module, JupyterLab's own

async function moduleOf(name) {
  const [version] = Object.values(shared[name]);
  const make = await version.get();
  return make();
}

/** Return the same maker of pictures, but those that it makes have their words. */
function speaking(factory) {
  return {
    ...factory,
    createRenderer(options) {
      const renderer = factory.createRenderer(options);
      const render = renderer.renderModel.bind(renderer);
      renderer.renderModel = async (model) => {
        await render(model);
        const words = model.metadata[options.mimeType]?.alt;
        if (typeof words === "string") renderer.node.querySelector("img")?.setAttribute("alt", words);
      };
      return renderer;
    },
  };
}

/** Let what shows a widget say what to do where no kernel has it, above its saved picture. */
function stand(renderer) {
  const render = renderer.renderModel.bind(renderer);
  renderer.renderModel = async (model) => {
    await render(model);
    if (renderer.node.textContent !== LOST) return;
    renderer.node.textContent = CURE;
    const type = PICTURES.find((each) => model.data[each]);
    if (!type) return;
    const { alt = "", width } = model.metadata[type] ?? {};
    const src = `data:${type};base64,${model.data[type]}`;
    const picture = Object.assign(new Image(), { alt, src });
    picture.style.cssText = `display: block; width: ${Number(width)}px; max-width: 100%`;
    renderer.node.append(picture);
  };
}

/** See to it in a notebook, whoever is asked there for what shows widgets, and when. */
function standIn({ content: { rendermime } }) {
  const create = rendermime.createRenderer.bind(rendermime);
  rendermime.createRenderer = (type) => {
    const renderer = create(type);
    if (type === VIEW) stand(renderer);
    return renderer;
  };
}

const plugin = ({ IRenderMimeRegistry }, { INotebookTracker }) => ({
  id: "tutorial-words:plugin",
  description: "Pictures in notebooks keep the words that say what they show.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [INotebookTracker],
  activate: (app, registry, notebooks) => {
    const factories = new Set(PICTURES.map((type) => registry.getFactory(type)));
    for (const factory of factories) if (factory) registry.addFactory(speaking(factory));
    notebooks?.forEach(standIn);
    notebooks?.widgetAdded.connect((_, notebook) => standIn(notebook));
  },
});

window._JUPYTERLAB ??= {};
window._JUPYTERLAB["tutorial-words"] = {
  init: (scope) => {
    shared = scope;
  },
  get: async () => {
    const made = plugin(await moduleOf(RENDERMIME), await moduleOf(NOTEBOOK));
    return () => ({ __esModule: true, default: made });
  },
};
