// Starts the panels of a page, each when it comes near the screen.
(function () {
  "use strict";

  window.playing.start(document);
})();
