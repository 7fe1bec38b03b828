// JupyterLab 4 and Notebook 7 draw a picture without the words that its metadata has for it. Here
// they get them, for those who do not see it. There is no build step: this file is the extension.

const RENDERMIME = "@jupyterlab/rendermime";
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

const plugin = ({ IRenderMimeRegistry }) => ({
  id: "tutorial-words:plugin",
  description: "Pictures in notebooks keep the words that say what they show.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app, registry) => {
    const factories = new Set(PICTURES.map((type) => registry.getFactory(type)));
    for (const factory of factories) if (factory) registry.addFactory(speaking(factory));
  },
});

window._JUPYTERLAB ??= {};
window._JUPYTERLAB["tutorial-words"] = {
  init: (scope) => {
    shared = scope;
  },
  get: async () => {
    const made = plugin(await moduleOf(RENDERMIME));
    return () => ({ __esModule: true, default: made });
  },
};
