"""In JupyterLab, a picture that a cell shows has the words that say what is on it."""

import nbformat
from lab_page import errors, open_notebook, run_all, save_notebook
from playwright.sync_api import Page, expect

CELLS = (
    'import matplotlib.pyplot as plt\nplt.style.use("tutorial_lib.tutorial")',
    'plt.plot([1, 4, 2], label="one \\"run\\" & <more>");',
    "figure, axes = plt.subplots()\naxes.bar(['a', 'b'], [1, 2])\nplt.close()\nfigure",
)
WORDS = ('one "run" & <more> begins at 1, is highest with 4 at 1, ends at 2.', "a: 1, b: 2.")


def test_pictures_have_their_words_when_run_and_when_opened_again(page: Page, lab: str):
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    save_notebook(page, lab, "words.ipynb", nbformat.v4.new_notebook(cells=cells))
    open_notebook(page, lab, "words.ipynb")
    run_all(page)
    assert errors(page) == []
    for words in WORDS:
        expect(page.get_by_role("img", name=words, exact=True)).to_be_visible()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    open_notebook(page, lab, "words.ipynb")
    for words in WORDS:
        expect(page.get_by_role("img", name=words, exact=True)).to_be_visible()
